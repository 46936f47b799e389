-- Replies that a run was told to ask for once more: the old one is kept beside the one that took its place.
ALTER TABLE responses ADD COLUMN set_aside TEXT;    -- when a newer reply took its place (run --again); NULL: it stands
DROP INDEX responses_settled;
CREATE UNIQUE INDEX responses_settled ON responses(key)
  WHERE status IN ('ok', 'refused', 'truncated') AND set_aside IS NULL;
