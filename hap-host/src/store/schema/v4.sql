-- Limits that the operator gave in place of those of the manifest, as JSON. NULL: none.
ALTER TABLE plugins ADD COLUMN limits TEXT;
-- What updates leave behind, as JSON. NULL: it was never updated.
ALTER TABLE plugins ADD COLUMN updates TEXT;

-- The settings that were kept when the last update was made, in two parts as those that are kept now.
CREATE TABLE previous_config (
    plugin TEXT PRIMARY KEY NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    config TEXT
) STRICT;
CREATE TABLE previous_config_secrets (
    plugin TEXT NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    place TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (plugin, place)
) STRICT;
