-- What was asked ------------------------------------------------------------------------------------------------

-- A benchmark, as it was when it was asked. id: hash of everything below.
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  title TEXT NOT NULL,
  metrics TEXT NOT NULL,                 -- JSON list of metric names
  options TEXT NOT NULL,                 -- JSON list: the options of its samples where all share them, else []
  args TEXT NOT NULL,                    -- JSON object: the --task-arg values
  card TEXT NOT NULL,                    -- Markdown: what it measures, source, limits
  citation TEXT NOT NULL,
  licence TEXT NOT NULL
);

-- Who answers. id: hash of name and identity. identity: hash of kind, model_id and settings.
CREATE TABLE models (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  model_id TEXT NOT NULL,
  identity TEXT NOT NULL,
  settings TEXT NOT NULL,                -- JSON object
  prices TEXT NOT NULL,                  -- JSON object: US dollars per million tokens, date, source
  free INTEGER NOT NULL CHECK (free IN (0, 1))
);

-- One model on one task under one protocol. id: the first 12 hex digits of the hash of `identity`.
CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  task_id TEXT NOT NULL REFERENCES tasks(id),
  model_id TEXT NOT NULL REFERENCES models(id),
  protocol TEXT NOT NULL,
  protocol_version INTEGER NOT NULL,
  variant TEXT NOT NULL,                 -- how the task was altered on purpose (images=dropped); '' as it is
  answer_rule TEXT,                      -- NULL where judges score
  draws INTEGER NOT NULL,
  epochs INTEGER NOT NULL,
  total INTEGER NOT NULL,                -- samples asked: the denominator
  prompt_hash TEXT NOT NULL,
  data_hash TEXT NOT NULL,
  identity TEXT NOT NULL,                -- JSON object: everything two runs must share to be compared
  created_at TEXT NOT NULL
);

-- One invocation of the program, and the runs that it worked on.
CREATE TABLE environments (
  id INTEGER PRIMARY KEY,
  started_at TEXT NOT NULL,
  finished_at TEXT,
  outcome TEXT,                          -- complete, unscored, interrupted; NULL: still running, or killed
  command TEXT NOT NULL,
  version TEXT NOT NULL,                 -- of sparkles-eval
  git_commit TEXT,
  python TEXT NOT NULL,
  machine TEXT NOT NULL,                 -- JSON object: platform, processor, cores
  packages TEXT NOT NULL                 -- JSON object: name -> version
);

CREATE TABLE run_environments (
  run_id TEXT NOT NULL REFERENCES runs(id),
  environment_id INTEGER NOT NULL REFERENCES environments(id),
  PRIMARY KEY (run_id, environment_id)
) WITHOUT ROWID;

-- An item's whole content. id: hash of `body`, image bytes included.
CREATE TABLE samples (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,                    -- the item's id in its data
  cluster TEXT NOT NULL,                 -- the unit that is independent of all others
  consistency_group TEXT NOT NULL,       -- the items that must all be right together
  target TEXT,
  tags TEXT NOT NULL,                    -- JSON list
  body TEXT NOT NULL                     -- JSON: turns with images at their words, references, facts, fields
) WITHOUT ROWID;

CREATE TABLE run_samples (
  run_id TEXT NOT NULL REFERENCES runs(id),
  position INTEGER NOT NULL,
  sample_id TEXT NOT NULL REFERENCES samples(id),
  PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE INDEX run_samples_sample ON run_samples(sample_id);

-- Items that --skip-bad left out, with the reason.
CREATE TABLE skipped (
  run_id TEXT NOT NULL REFERENCES runs(id),
  item TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (run_id, item, reason)
) WITHOUT ROWID;

-- Pictures by the SHA-256 of their bytes, once each. The bytes stay where they are unless --embed-images was given.
CREATE TABLE images (
  sha256 TEXT PRIMARY KEY,
  media_type TEXT NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  size INTEGER NOT NULL,                 -- bytes
  relpath TEXT NOT NULL,                 -- relative to the data root
  thumbnail BLOB,                        -- small JPEG, so that a report can be made anywhere
  bytes BLOB
);

-- What came back ------------------------------------------------------------------------------------------------

-- A question to a model. key: hash of the model's identity, the conversation (image bytes by their hash), the
-- generation settings, the reply schema, epoch and draw.
CREATE TABLE requests (
  key TEXT PRIMARY KEY,
  model_id TEXT NOT NULL REFERENCES models(id),
  conversation TEXT NOT NULL,            -- JSON: system, messages; images by SHA-256
  generation TEXT NOT NULL,              -- JSON: the settings that were sent
  epoch INTEGER NOT NULL,
  draw INTEGER NOT NULL
) WITHOUT ROWID;

-- Every attempt at a request. ok, refused and truncated are the model's own reply; the others are failures.
CREATE TABLE responses (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL REFERENCES requests(key),
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('ok', 'refused', 'truncated', 'api_error', 'timeout')),
  text TEXT,                             -- NULL for failures
  error TEXT,                            -- failures: what went wrong; refused, truncated: why
  model_version TEXT,                    -- the snapshot that the provider named
  input_tokens INTEGER,
  output_tokens INTEGER,
  cost_usd REAL,                         -- NULL: unknown
  latency_s REAL NOT NULL,
  created_at TEXT NOT NULL,
  CHECK ((status IN ('api_error', 'timeout')) = (text IS NULL))
);
CREATE INDEX responses_key ON responses(key);
CREATE UNIQUE INDEX responses_settled ON responses(key) WHERE status IN ('ok', 'refused', 'truncated');

-- The response that stands as a run's answer to a turn; `draws` says how many were asked for until it was valid.
CREATE TABLE answers (
  run_id TEXT NOT NULL REFERENCES runs(id),
  sample_id TEXT NOT NULL REFERENCES samples(id),
  epoch INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  response_id INTEGER NOT NULL REFERENCES responses(id),
  draws INTEGER NOT NULL,
  PRIMARY KEY (run_id, sample_id, epoch, turn)
) WITHOUT ROWID;

-- How it was scored ---------------------------------------------------------------------------------------------

-- Who scores: a judge that asks a model, a rule, or the answer extractor of a protocol. id: its fingerprint.
CREATE TABLE judges (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  title TEXT NOT NULL,
  sees TEXT NOT NULL,                    -- captions, images, facts, text
  model TEXT,                            -- the model that is asked; NULL for a rule
  low REAL NOT NULL,
  high REAL NOT NULL,
  criteria TEXT NOT NULL                 -- JSON list of {id, name, description, weight}
) WITHOUT ROWID;

-- Every judge reply on an answered sample. key: hash of judge, sample, answers, call and repeat.
CREATE TABLE verdicts (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  judge_id TEXT NOT NULL REFERENCES judges(id),
  sample_id TEXT NOT NULL REFERENCES samples(id),
  call TEXT NOT NULL,                    -- dialogue, turn-2, a criterion: which part this reply rates
  repeat INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('graded', 'invalid', 'refused', 'error')),
  ratings TEXT NOT NULL,                 -- JSON list of {turn, criterion, value, explanation}
  overall TEXT NOT NULL,                 -- JSON object: turn -> the judge's own overall, kept but not used
  reason TEXT,                           -- why there are no ratings
  prompt TEXT,                           -- as sent
  raw TEXT,                              -- as received
  model_version TEXT,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cost_usd REAL,
  latency_s REAL NOT NULL,
  created_at TEXT NOT NULL
);
CREATE INDEX verdicts_key ON verdicts(key);
CREATE UNIQUE INDEX verdicts_graded ON verdicts(key) WHERE status = 'graded';

-- A number for response x criterion x judge, or NULL with a reason: not graded is not zero.
CREATE TABLE scores (
  run_id TEXT NOT NULL REFERENCES runs(id),
  sample_id TEXT NOT NULL REFERENCES samples(id),
  epoch INTEGER NOT NULL,
  judge_id TEXT NOT NULL REFERENCES judges(id),
  repeat INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  criterion TEXT NOT NULL,
  value REAL,
  reason TEXT,
  invalid INTEGER NOT NULL DEFAULT 0 CHECK (invalid IN (0, 1)),
  answer TEXT,                           -- the option that was read out of the response
  verdict_id INTEGER REFERENCES verdicts(id),
  created_at TEXT NOT NULL,
  PRIMARY KEY (run_id, judge_id, sample_id, epoch, repeat, turn, criterion),
  CHECK (value IS NOT NULL OR reason IS NOT NULL)
) WITHOUT ROWID;

-- Metrics with their intervals, computed from `scores`. `basis` is what they were computed from: the leaderboard
-- shows an estimate only while the scores are still those.
CREATE TABLE estimates (
  run_id TEXT NOT NULL REFERENCES runs(id),
  judge_id TEXT NOT NULL REFERENCES judges(id),
  metric TEXT NOT NULL,
  value REAL,
  low REAL,
  high REAL,
  n INTEGER NOT NULL,                    -- graded
  total INTEGER NOT NULL,                -- asked
  clusters INTEGER,
  method TEXT NOT NULL,
  note TEXT NOT NULL,
  basis TEXT NOT NULL,
  PRIMARY KEY (run_id, judge_id, metric)
) WITHOUT ROWID;

-- What happened on the way: waiting, concurrency changes, stops.
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  environment_id INTEGER NOT NULL REFERENCES environments(id),
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  who TEXT NOT NULL,                     -- a model, a judge or a run
  message TEXT NOT NULL
);

-- For people ----------------------------------------------------------------------------------------------------

-- One row an item, turn, criterion and judge.
CREATE VIEW item_scores AS
SELECT s.run_id AS run, t.name AS task, m.name AS model, r.protocol, r.variant, j.name AS judge, s.judge_id,
       p.name AS sample, s.epoch, s.repeat, s.turn, s.criterion, s.value, s.invalid, s.reason, s.answer, p.target,
       p.cluster, p.consistency_group, a.draws, s.sample_id
FROM scores s
JOIN runs r ON r.id = s.run_id
JOIN tasks t ON t.id = r.task_id
JOIN models m ON m.id = r.model_id
JOIN judges j ON j.id = s.judge_id
JOIN samples p ON p.id = s.sample_id
LEFT JOIN answers a ON a.run_id = s.run_id AND a.sample_id = s.sample_id AND a.epoch = s.epoch AND a.turn = s.turn;

-- What the scores of a run and judge amount to: changes with every score that is added, filled in or edited by hand.
CREATE VIEW score_basis AS
SELECT run_id, judge_id,
       count(*) || ':' || count(value) || ':' || total(value) || ':' || total(invalid) || ':' || max(created_at) AS basis
FROM scores GROUP BY run_id, judge_id;

-- One row a run, judge and metric, as tables print it.
CREATE VIEW leaderboard AS
SELECT e.run_id AS run, t.name AS task, m.name AS model, r.protocol, r.variant, j.name AS judge, j.model AS judge_model,
       e.judge_id, e.metric, e.value, e.low, e.high, e.n, e.total, e.clusters, e.method, e.note
FROM estimates e
JOIN score_basis b ON b.run_id = e.run_id AND b.judge_id = e.judge_id AND b.basis = e.basis
JOIN runs r ON r.id = e.run_id
JOIN tasks t ON t.id = r.task_id
JOIN models m ON m.id = r.model_id
JOIN judges j ON j.id = e.judge_id;
