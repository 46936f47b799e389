-- Dialogues that were generated ---------------------------------------------------------------------------------

-- A set of generated dialogues: one style, one model, one source of images. id: the first 12 hex digits of the hash of
-- `identity`.
CREATE TABLE dialogue_sets (
  id TEXT PRIMARY KEY,
  style TEXT NOT NULL,
  title TEXT NOT NULL,
  model_id TEXT NOT NULL REFERENCES models(id),
  identity TEXT NOT NULL,                -- JSON object: all that a run must share to go on with the set
  created_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE dialogue_set_environments (
  set_id TEXT NOT NULL REFERENCES dialogue_sets(id),
  environment_id INTEGER NOT NULL REFERENCES environments(id),
  PRIMARY KEY (set_id, environment_id)
) WITHOUT ROWID;

-- The images that a set offers, by the names they have in its texts.
CREATE TABLE dialogue_images (
  set_id TEXT NOT NULL REFERENCES dialogue_sets(id),
  image_id TEXT NOT NULL,
  sha256 TEXT NOT NULL REFERENCES images(sha256),
  caption TEXT NOT NULL,                 -- as the model was given it; '' for none
  caption_by TEXT,                       -- the model that wrote the caption; NULL: it came with the data
  PRIMARY KEY (set_id, image_id)
) WITHOUT ROWID;

-- A request for dialogues. attempt 0 is the first reply, 1 the reply to --repair.
CREATE TABLE dialogue_calls (
  set_id TEXT NOT NULL REFERENCES dialogue_sets(id),
  key TEXT NOT NULL,                     -- of the first request: the same images, demonstrations and words
  attempt INTEGER NOT NULL CHECK (attempt IN (0, 1)),
  position INTEGER NOT NULL,
  candidates TEXT NOT NULL,              -- JSON list of image ids
  response_id INTEGER REFERENCES responses(id),
  reason TEXT,                           -- why there is no reply
  PRIMARY KEY (set_id, key, attempt),
  CHECK ((response_id IS NULL) = (reason IS NOT NULL))
) WITHOUT ROWID;

-- Every dialogue of every reply, right in form or not.
CREATE TABLE dialogues (
  set_id TEXT NOT NULL,
  key TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  number INTEGER NOT NULL,               -- its place in the reply, from 0
  body TEXT NOT NULL,                    -- JSON list of {role, content, images}; as written where it was rejected
  fault TEXT,                            -- what is wrong with its form; NULL: nothing
  reason TEXT,                           -- the same in words
  PRIMARY KEY (set_id, key, attempt, number),
  FOREIGN KEY (set_id, key, attempt) REFERENCES dialogue_calls(set_id, key, attempt),
  CHECK ((fault IS NULL) = (reason IS NULL))
) WITHOUT ROWID;

-- What the quality gates set aside of those that are right in form: replaced whenever the gates are gone through again.
CREATE TABLE dialogue_gates (
  set_id TEXT NOT NULL,
  key TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  number INTEGER NOT NULL,
  fault TEXT NOT NULL,                   -- the gate
  reason TEXT NOT NULL,
  PRIMARY KEY (set_id, key, attempt, number),
  FOREIGN KEY (set_id, key, attempt, number) REFERENCES dialogues(set_id, key, attempt, number)
) WITHOUT ROWID;

-- One row a dialogue: kept, or rejected with the reason.
CREATE VIEW generated_dialogues AS
SELECT d.set_id AS "set", s.style, m.name AS model, c.position, d.attempt, d.number,
       CASE WHEN coalesce(d.fault, g.fault) IS NULL THEN 'kept' ELSE 'rejected' END AS status,
       coalesce(d.fault, g.fault) AS fault, coalesce(d.reason, g.reason) AS reason, d.body, c.candidates, d.key
FROM dialogues d
JOIN dialogue_calls c ON c.set_id = d.set_id AND c.key = d.key AND c.attempt = d.attempt
JOIN dialogue_sets s ON s.id = d.set_id
JOIN models m ON m.id = s.model_id
LEFT JOIN dialogue_gates g
  ON g.set_id = d.set_id AND g.key = d.key AND g.attempt = d.attempt AND g.number = d.number;
