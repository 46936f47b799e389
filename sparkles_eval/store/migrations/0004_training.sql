-- How models were trained ---------------------------------------------------------------------------------------

-- One training. id: drawn when it begins and kept in its folder, so that a resumed one goes on under it.
CREATE TABLE trainings (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,                    -- the folder's own name
  title TEXT NOT NULL,                   -- of the recipe
  recipe TEXT NOT NULL,                  -- JSON object: the whole recipe
  recipe_hash TEXT NOT NULL,             -- hash of all of it that changes the weights
  data_hash TEXT NOT NULL,               -- hash of every token, label and picture; 'drawn' where a recipe draws its own
  steps INTEGER NOT NULL,                -- how many it will have when it is done
  created_at TEXT NOT NULL
) WITHOUT ROWID;

-- The invocations of the program that worked on a training: the first one, and each that resumed it.
CREATE TABLE training_environments (
  training_id TEXT NOT NULL REFERENCES trainings(id),
  environment_id INTEGER NOT NULL REFERENCES environments(id),
  PRIMARY KEY (training_id, environment_id)
) WITHOUT ROWID;

-- What each step measured. Steps that a killed training had not saved are forgotten when it is resumed.
CREATE TABLE training_steps (
  training_id TEXT NOT NULL REFERENCES trainings(id),
  step INTEGER NOT NULL,                 -- from 0
  stage TEXT NOT NULL,                   -- projection; of a tiny recipe vision or language
  loss REAL,                             -- NULL: not a number
  rate REAL NOT NULL,                    -- the learning rate
  tokens INTEGER NOT NULL,               -- positions that were read
  labels INTEGER NOT NULL,               -- positions with a loss
  seconds REAL NOT NULL,                 -- since the step before
  PRIMARY KEY (training_id, step)
) WITHOUT ROWID;

-- Saved weights. step: how many updates they have had.
CREATE TABLE checkpoints (
  training_id TEXT NOT NULL REFERENCES trainings(id),
  step INTEGER NOT NULL,
  weights TEXT NOT NULL,                 -- hash of the weights, as in the settings of the model that answers
  place TEXT NOT NULL,                   -- folder, relative to the training's
  created_at TEXT NOT NULL,
  PRIMARY KEY (training_id, step)
) WITHOUT ROWID;

-- Which runs evaluated a checkpoint.
CREATE TABLE checkpoint_runs (
  training_id TEXT NOT NULL,
  step INTEGER NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs(id),
  PRIMARY KEY (training_id, step, run_id),
  FOREIGN KEY (training_id, step) REFERENCES checkpoints(training_id, step)
) WITHOUT ROWID;
CREATE INDEX checkpoint_runs_run ON checkpoint_runs(run_id);

-- One row a checkpoint, task, judge and metric: how a model got better as it was trained.
CREATE VIEW checkpoint_scores AS
SELECT t.name AS training, c.step, l.task, l.protocol, l.judge, l.metric, l.value, l.low, l.high, l.n, l.total,
       l.run, l.model, k.weights, t.id AS training_id
FROM checkpoint_runs c
JOIN trainings t ON t.id = c.training_id
JOIN checkpoints k ON k.training_id = c.training_id AND k.step = c.step
JOIN leaderboard l ON l.run = c.run_id;
