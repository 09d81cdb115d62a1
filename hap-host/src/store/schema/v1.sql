-- What is wanted of each plugin, and its keys.
CREATE TABLE plugins (
    id TEXT PRIMARY KEY NOT NULL,
    manifest TEXT NOT NULL,
    desired TEXT NOT NULL,
    config TEXT,
    token TEXT NOT NULL,
    webhook_secret TEXT NOT NULL,
    image_id TEXT,
    program TEXT
) STRICT;

-- Small facts of the supervisor itself, such as its port.
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

-- Received events. AUTOINCREMENT, so that a number never comes back after its row is gone.
-- The numbers have no gaps when given out, so a gap is a row that was erased.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin TEXT NOT NULL,
    -- NULL once the plugin was removed: the next plugin of that name starts with a clean memory.
    id TEXT,
    kind TEXT NOT NULL,
    -- Microseconds since 1970, by the host's clock.
    received INTEGER NOT NULL,
    -- Length of the body, 0 without one. Before it, so that summing does not read bodies.
    bytes INTEGER NOT NULL,
    -- NULL once forgotten: the row stays a while to tell repeated deliveries and to count what was missed.
    body TEXT
) STRICT;
CREATE UNIQUE INDEX events_by_id ON events (plugin, id);
CREATE INDEX events_by_plugin ON events (plugin, seq);

-- Sums over a plugin's events, kept in the same transaction as the events.
-- Its rows, oldest first: erased up to erased_to, forgotten up to forgotten_to, then kept.
CREATE TABLE event_sources (
    plugin TEXT PRIMARY KEY NOT NULL,
    kept INTEGER NOT NULL,
    kept_bytes INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,
    forgotten_to INTEGER NOT NULL,
    erased INTEGER NOT NULL,
    erased_to INTEGER NOT NULL,
    -- The last event of type "status", which outlives retention.
    status_seq INTEGER,
    status_received INTEGER,
    status_body TEXT
) STRICT;
