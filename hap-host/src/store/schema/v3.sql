-- Where a plugin came from and what it was granted, as JSON. NULL from before there were grants: then everything that it
-- asked for.
ALTER TABLE plugins ADD COLUMN admission TEXT;
