-- How verdicts were read ----------------------------------------------------------------------------------------

ALTER TABLE judges ADD COLUMN reader TEXT;                       -- strict@2, paper@1; NULL: a rule, or from before
ALTER TABLE judges ADD COLUMN canary INTEGER;                    -- 1: its ratings carry a random word of their call
ALTER TABLE verdicts ADD COLUMN canary TEXT;                     -- that word; NULL: the rubric prints none
ALTER TABLE verdicts ADD COLUMN cut_off INTEGER NOT NULL DEFAULT 0;  -- 1: the reply was stopped before its end
