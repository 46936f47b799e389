-- What people said ----------------------------------------------------------------------------------------------

-- A list of answers for one person to rate: drawn at random, in random order, without the models' names.
-- id: hash of everything below but the time, rows included.
CREATE TABLE sheets (
  id TEXT PRIMARY KEY,
  rater TEXT NOT NULL,
  task TEXT NOT NULL,
  seed INTEGER NOT NULL,                 -- of the order in which dialogues are drawn
  low REAL NOT NULL,
  high REAL NOT NULL,
  criteria TEXT NOT NULL,                -- JSON list of {id, name, description, weight}
  created_at TEXT NOT NULL
) WITHOUT ROWID;

-- Which answers a sheet's codes stand for: kept here and not in the sheet, so that it tells no model's name.
CREATE TABLE sheet_rows (
  sheet_id TEXT NOT NULL REFERENCES sheets(id),
  position INTEGER NOT NULL,
  code TEXT NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs(id),
  sample_id TEXT NOT NULL REFERENCES samples(id),
  epoch INTEGER NOT NULL,
  PRIMARY KEY (sheet_id, position),
  UNIQUE (sheet_id, code)
) WITHOUT ROWID;

-- A number that a person gave: beside `scores`, for what a person skipped has no reason and is not unscored.
CREATE TABLE ratings (
  rater TEXT NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs(id),
  sample_id TEXT NOT NULL REFERENCES samples(id),
  epoch INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  criterion TEXT NOT NULL,
  value REAL NOT NULL,
  comment TEXT NOT NULL,
  sheet_id TEXT NOT NULL REFERENCES sheets(id),
  created_at TEXT NOT NULL,
  PRIMARY KEY (rater, run_id, sample_id, epoch, turn, criterion)
) WITHOUT ROWID;

-- One row a rating, as `item_scores` has one a score.
CREATE VIEW human_ratings AS
SELECT h.run_id AS run, t.name AS task, m.name AS model, r.protocol, r.variant, h.rater, p.name AS sample, h.epoch,
       h.turn, h.criterion, h.value, h.comment, p.cluster, h.sheet_id AS sheet, h.sample_id, h.created_at
FROM ratings h
JOIN runs r ON r.id = h.run_id
JOIN tasks t ON t.id = r.task_id
JOIN models m ON m.id = r.model_id
JOIN samples p ON p.id = h.sample_id;
