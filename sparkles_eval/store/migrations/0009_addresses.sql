-- Where models were asked, which is no part of who they are ---------------------------------------------------------

ALTER TABLE responses ADD COLUMN address TEXT;        -- where it was asked; NULL: in this process, or from before

-- Where a model, or a judge's model, has answered, and what its server said of itself there. Stores of before hold the
-- address in models.settings ("endpoint") instead.
CREATE TABLE addresses (
  identity TEXT NOT NULL,                -- models.identity, or the identity of a judge's model
  role TEXT NOT NULL CHECK (role IN ('model', 'judge')),
  address TEXT NOT NULL,
  since TEXT NOT NULL,
  served TEXT,                           -- the model that the first reply named
  fingerprint TEXT,                      -- the fingerprint that the first reply named
  listing TEXT,                          -- JSON: the model in the server's list of models
  PRIMARY KEY (identity, role, address)
) WITHOUT ROWID;
