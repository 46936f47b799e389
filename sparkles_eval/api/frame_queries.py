"""The queries behind the frames. Each takes a JSON list of run ids twice, or NULL twice for all runs."""

from __future__ import annotations

from collections.abc import Mapping

_PLACED = (
    "WITH placed AS (SELECT p.run_id, p.sample_id, min(p.position) AS position, min(r.created_at) AS made"
    " FROM run_samples p JOIN runs r ON r.id = p.run_id GROUP BY p.run_id, p.sample_id) "
)
"""Every sample of a run with its place, so that rows stand in the task's order."""

_SCORES = (
    "SELECT i.run, i.task, i.model, i.protocol, i.variant, i.judge, i.judge_id, i.sample, i.epoch, i.repeat, i.turn,"
    " i.criterion, i.value, i.invalid, i.reason, i.answer, i.target, i.cluster,"
    ' i.consistency_group AS "group", i.sample_id'
    " FROM item_scores i JOIN placed p ON p.run_id = i.run AND p.sample_id = i.sample_id"
    " WHERE (? IS NULL OR i.run IN (SELECT value FROM json_each(?)))"
    " ORDER BY p.made, i.run, i.judge_id, p.position, i.epoch, i.repeat, i.turn, i.criterion"
)
_RESPONSES = (
    "SELECT a.run_id AS run, t.name AS task, m.name AS model, s.name AS sample, a.epoch, a.turn, o.text, o.status,"
    " o.reasoning, o.finish, a.draws, o.model_version, o.input_tokens, o.output_tokens, o.reasoning_tokens,"
    " o.cached_tokens, o.cost_usd, o.latency_s, o.created_at, a.sample_id"
    " FROM answers a JOIN runs r ON r.id = a.run_id JOIN tasks t ON t.id = r.task_id JOIN models m ON m.id = r.model_id"
    " JOIN samples s ON s.id = a.sample_id JOIN responses o ON o.id = a.response_id"
    " JOIN placed p ON p.run_id = a.run_id AND p.sample_id = a.sample_id"
    " WHERE (? IS NULL OR a.run_id IN (SELECT value FROM json_each(?)))"
    " ORDER BY p.made, a.run_id, p.position, a.epoch, a.turn"
)
QUERIES: Mapping[str, str] = {
    "runs": "SELECT r.id AS run, t.name AS task, m.name AS model, r.protocol, r.variant, r.epochs, r.total AS samples,"
    " (SELECT count(*) FROM answers a WHERE a.run_id = r.id AND a.turn = 1) AS answered, m.kind, m.model_id,"
    " m.settings, r.prompt_hash, r.data_hash, r.created_at"
    " FROM runs r JOIN tasks t ON t.id = r.task_id JOIN models m ON m.id = r.model_id"
    " WHERE (? IS NULL OR r.id IN (SELECT value FROM json_each(?))) ORDER BY r.created_at, r.id",
    "scores": _PLACED + _SCORES,
    "samples": "SELECT s.id AS sample_id, s.name AS sample, t.name AS task, s.target, s.tags, s.cluster,"
    ' s.consistency_group AS "group", s.body, min(p.position) AS position'
    " FROM run_samples p JOIN runs r ON r.id = p.run_id JOIN tasks t ON t.id = r.task_id"
    " JOIN samples s ON s.id = p.sample_id"
    " WHERE (? IS NULL OR r.id IN (SELECT value FROM json_each(?)))"
    " GROUP BY s.id, t.name ORDER BY t.name, position, s.name",
    "responses": _PLACED + _RESPONSES,
    "verdicts": "SELECT v.id AS verdict, j.name AS judge, j.model AS judge_model, v.judge_id, s.name AS sample, v.call,"
    " v.repeat, v.attempt, v.status, v.ratings, v.reason, v.raw, v.cost_usd, v.latency_s, v.created_at, v.sample_id"
    " FROM verdicts v JOIN judges j ON j.id = v.judge_id JOIN samples s ON s.id = v.sample_id"
    " WHERE ? IS NULL OR v.id IN (SELECT verdict_id FROM scores WHERE run_id IN (SELECT value FROM json_each(?)))"
    " ORDER BY v.id",
}
