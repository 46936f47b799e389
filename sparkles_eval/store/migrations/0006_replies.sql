-- What stands beside an answer: its reasoning, how it ended, and what of its tokens was reasoning or came from a cache.
-- Replies that were stored before have NULL here, and hold their reasoning, if any, in their text.
ALTER TABLE responses ADD COLUMN reasoning TEXT;              -- what the model thought before it answered; NULL: it showed nothing
ALTER TABLE responses ADD COLUMN finish TEXT;                 -- the provider's name for how the reply ended
ALTER TABLE responses ADD COLUMN reasoning_tokens INTEGER;    -- of the output tokens
ALTER TABLE responses ADD COLUMN cached_tokens INTEGER;       -- of the input tokens
ALTER TABLE verdicts ADD COLUMN reasoning TEXT;               -- what the judge thought before its verdict
ALTER TABLE verdicts ADD COLUMN reasoning_tokens INTEGER;     -- of the output tokens
ALTER TABLE verdicts ADD COLUMN cached_tokens INTEGER;        -- of the input tokens
