-- Plugins whose container may be from before there were seals. Each is taken out when it has one
-- with a seal, or none at all.
CREATE TABLE unsealed (
    plugin TEXT PRIMARY KEY NOT NULL REFERENCES plugins (id) ON DELETE CASCADE
) STRICT;
INSERT INTO unsealed SELECT id FROM plugins;

-- The numbers of users that plugins run as. A row outlives its plugin, whose data may be there still,
-- so that no other plugin is ever given the number.
CREATE TABLE user_numbers (
    number INTEGER PRIMARY KEY NOT NULL,
    plugin TEXT NOT NULL,
    -- Whether it is one for an engine that maps users.
    mapped INTEGER NOT NULL,
    UNIQUE (plugin, mapped)
) STRICT;

-- Who published a plugin that was uninstalled without its data, as JSON. NULL: nobody has recorded it.
CREATE TABLE left_data (
    plugin TEXT PRIMARY KEY NOT NULL,
    publisher TEXT
) STRICT;
