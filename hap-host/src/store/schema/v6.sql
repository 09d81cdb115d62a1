-- Plugins whose container may be from before there were seals. Each is taken out when it has one
-- with a seal, or none at all.
CREATE TABLE unsealed (
    plugin TEXT PRIMARY KEY NOT NULL REFERENCES plugins (id) ON DELETE CASCADE
) STRICT;
INSERT INTO unsealed SELECT id FROM plugins;
