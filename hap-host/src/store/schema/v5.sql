-- What the operator chose for a plugin. Without a row, the defaults.
CREATE TABLE choices (
    plugin TEXT PRIMARY KEY NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    boot TEXT NOT NULL,
    -- How often the variables were changed; part of what a container is made from.
    env_generation INTEGER NOT NULL
) STRICT;

-- Environment variables that the operator set, and apart from them those whose values are secret.
CREATE TABLE env_overrides (
    plugin TEXT NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (plugin, name)
) STRICT;
CREATE TABLE env_secrets (
    plugin TEXT NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (plugin, name)
) STRICT;
