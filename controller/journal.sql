-- SPDX-License-Identifier: Apache-2.0
-- The journal's schema, one block a version. A block is run once, in its own transaction,
-- when user_version is lower; blocks are never edited after a release. "--- version N" begins one.
--- version 1
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE job (
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL, node TEXT NOT NULL, targets TEXT NOT NULL, who TEXT NOT NULL,
  state TEXT NOT NULL, created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, reason TEXT NOT NULL
);
CREATE TABLE move (
  number INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  account_id TEXT NOT NULL, account_name TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
  bytes INTEGER NOT NULL, items INTEGER NOT NULL,
  state TEXT NOT NULL, stuck_from TEXT NOT NULL, step_no INTEGER NOT NULL, tries INTEGER NOT NULL,
  since_ms INTEGER NOT NULL, ticket BLOB NOT NULL, error TEXT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX move_by_job ON move (job);
CREATE TABLE move_event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  move INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  from_state TEXT NOT NULL, to_state TEXT NOT NULL, event TEXT NOT NULL, why TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX move_event_by_move ON move_event (move);
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL, level TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE alert (
  subject TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL, text TEXT NOT NULL, next TEXT NOT NULL
) WITHOUT ROWID;
--- version 2
ALTER TABLE alert RENAME TO alert_1;
CREATE TABLE alert (
  number INTEGER PRIMARY KEY,
  key TEXT NOT NULL, subject TEXT NOT NULL UNIQUE, node TEXT NOT NULL,
  text TEXT NOT NULL, meaning TEXT NOT NULL, did TEXT NOT NULL, next TEXT NOT NULL,
  raised INTEGER NOT NULL, at_ms INTEGER NOT NULL, cleared_ms INTEGER NOT NULL,
  phase TEXT NOT NULL, told_ms INTEGER NOT NULL, told_count INTEGER NOT NULL, thread TEXT NOT NULL,
  returns INTEGER NOT NULL,
  acked_by TEXT NOT NULL, acked_ms INTEGER NOT NULL,
  silenced_by TEXT NOT NULL, silenced_until_ms INTEGER NOT NULL,
  sent TEXT NOT NULL
);
INSERT INTO alert (key, subject, node, text, meaning, did, next, raised, at_ms, cleared_ms,
                   phase, told_ms, told_count, thread, returns,
                   acked_by, acked_ms, silenced_by, silenced_until_ms, sent)
  SELECT 'earlier', subject, '', text,
         'An earlier version of zmferry raised this and did not say what it means.',
         'zmferry keeps it until what it is about gets on.',
         CASE next WHEN '' THEN 'zmferry status' ELSE next END, 1, at_ms, 0,
         'untold', 0, 0, '', 0, '', 0, '', 0, '{}'
  FROM alert_1 ORDER BY at_ms;
DROP TABLE alert_1;
--- version 3
CREATE TABLE cordon (
  node TEXT PRIMARY KEY, server_id TEXT NOT NULL, who TEXT NOT NULL, at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE cordon_pool (
  cos_id TEXT PRIMARY KEY, cos_name TEXT NOT NULL,
  base TEXT NOT NULL, before TEXT NOT NULL, wanted TEXT NOT NULL
) WITHOUT ROWID;
--- version 4
CREATE TABLE node (
  name TEXT PRIMARY KEY, heard_ms INTEGER NOT NULL, mailboxes INTEGER NOT NULL, bytes INTEGER NOT NULL
) WITHOUT ROWID;
--- version 5
ALTER TABLE job ADD COLUMN destroy_volumes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN accounts TEXT NOT NULL DEFAULT '';
--- version 6
ALTER TABLE job ADD COLUMN cutover TEXT NOT NULL DEFAULT '';
--- version 7
CREATE TABLE operator (
  name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL,
  made_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL, made_by TEXT NOT NULL
) WITHOUT ROWID;
--- version 8
CREATE TABLE seeding_proof (
  version TEXT PRIMARY KEY, holds INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  source TEXT NOT NULL, target TEXT NOT NULL, text TEXT NOT NULL
) WITHOUT ROWID;
