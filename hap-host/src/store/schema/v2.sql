-- Keys that are being replaced stay good until no container has them any more.
ALTER TABLE plugins ADD COLUMN previous_token TEXT;
ALTER TABLE plugins ADD COLUMN previous_webhook_secret TEXT;
-- How often the keys were replaced; part of what a container is made from.
ALTER TABLE plugins ADD COLUMN key_generation INTEGER NOT NULL DEFAULT 0;

-- The settings that a plugin's manifest calls secret. In plugins.config there is null in their places, so whoever looks
-- at that table does not see them.
CREATE TABLE config_secrets (
    plugin TEXT NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    -- A JSON pointer into the settings.
    place TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (plugin, place)
) STRICT;
