-- Which answer people prefer ------------------------------------------------------------------------------------

-- Two answers to the same question side by side, and which one a person found better. Sides are those that were shown.
CREATE TABLE preferences (
  rater TEXT NOT NULL,
  sample_id TEXT NOT NULL REFERENCES samples(id),
  epoch INTEGER NOT NULL,
  left_run TEXT NOT NULL REFERENCES runs(id),
  right_run TEXT NOT NULL REFERENCES runs(id),
  choice TEXT NOT NULL CHECK (choice IN ('left', 'right', 'tie')),
  comment TEXT NOT NULL,
  seed INTEGER NOT NULL,                 -- of the order in which dialogues are drawn
  created_at TEXT NOT NULL,
  PRIMARY KEY (rater, sample_id, epoch, left_run, right_run),
  CHECK (left_run != right_run)
) WITHOUT ROWID;
-- A person prefers once, whatever side an answer stood on.
CREATE UNIQUE INDEX preferences_pair
  ON preferences(rater, sample_id, epoch, min(left_run, right_run), max(left_run, right_run));

-- One row a preference, with names.
CREATE VIEW human_preferences AS
SELECT t.name AS task, p.name AS sample, h.epoch, a.name AS left_model, b.name AS right_model, h.rater, h.choice,
       h.comment, p.cluster, h.left_run, h.right_run, h.sample_id, h.created_at
FROM preferences h
JOIN runs ra ON ra.id = h.left_run
JOIN runs rb ON rb.id = h.right_run
JOIN tasks t ON t.id = ra.task_id
JOIN models a ON a.id = ra.model_id
JOIN models b ON b.id = rb.model_id
JOIN samples p ON p.id = h.sample_id;

-- From a response that a search found to the runs whose answer it is.
CREATE INDEX answers_response ON answers(response_id);
