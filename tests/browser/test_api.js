/* SPDX-License-Identifier: Apache-2.0 */
/* The API over HTTPS, without a browser: who gets in, what is refused, and how it is said. */
"use strict";

const assert = require("assert");
const fs = require("fs");
const path = require("path");
const tls = require("tls");
const { ROOT, login, soap } = require("./console.js");

/* A value against the part of JSON Schema that docs/openapi.json uses; the first fault as text. */
function fault(doc, schema, value, where) {
	if (schema.$ref) {
		return fault(doc, doc.components.schemas[schema.$ref.split("/").pop()], value, where);
	}
	const types = { object: (v) => v !== null && typeof v === "object" && !Array.isArray(v), array: Array.isArray,
		string: (v) => typeof v === "string", integer: Number.isInteger, number: (v) => typeof v === "number",
		boolean: (v) => typeof v === "boolean" };
	if (schema.type && !types[schema.type](value)) {
		return `${where}: ${JSON.stringify(value)} is no ${schema.type}`;
	}
	if (schema.enum && !schema.enum.includes(value)) {
		return `${where}: ${JSON.stringify(value)} is none of ${schema.enum}`;
	}
	if (schema.type === "array") {
		for (let i = 0; i < value.length; i++) {
			const found = fault(doc, schema.items, value[i], `${where}[${i}]`);
			if (found) {
				return found;
			}
		}
	}
	if (schema.type === "object") {
		for (const key of schema.required || []) {
			if (!(key in value)) {
				return `${where}.${key} is missing`;
			}
		}
		for (const key of Object.keys(value)) {
			const inner = (schema.properties || {})[key] || schema.additionalProperties;
			if (!inner) {
				return `${where}.${key} is not in the document`;
			}
			const found = fault(doc, inner, value[key], `${where}.${key}`);
			if (found) {
				return found;
			}
		}
	}
	return null;
}

const document = () => JSON.parse(fs.readFileSync(path.join(ROOT, "docs/openapi.json"), "utf-8"));

/* Does an answer agree with what the document says of this path, method and status? */
function agrees(answer, template, method, status) {
	const doc = document();
	const said = doc.paths[template] && doc.paths[template][method] && doc.paths[template][method].responses[String(status)];
	assert.ok(said, `docs/openapi.json has no ${status} for ${method} ${template}`);
	assert.equal(answer.status, status, answer.text);
	if (said.content && said.content["application/json"]) {
		assert.equal(fault(doc, said.content["application/json"].schema, answer.data, `${method} ${template}`), null);
	}
}

/* place -> [[name, async fn]] */
module.exports = (place) => [
	["a request without a session is told so, with a next step", async () => {
		const answer = await place.api("GET", "/v1/overview");
		agrees(answer, "/v1/overview", "get", 401);
		assert.equal(answer.data.error.kind, "session");
		assert.equal(answer.headers["www-authenticate"], "Bearer");
	}],
	["a foreign origin is refused, and is never reflected", async () => {
		for (const origin of ["https://evil.example", "null", place.console_url + ".evil.example", place.console_url.toUpperCase(),
			place.console_url.replace("https", "http")]) {
			const answer = await place.api("GET", "/healthz", { origin });
			assert.equal(answer.status, 403, origin);
			assert.equal(answer.headers["access-control-allow-origin"], undefined, origin);
		}
	}],
	["an origin of the list gets CORS for itself, and no cookies", async () => {
		const answer = await place.api("OPTIONS", "/v1/jobs", { origin: place.console_url });
		assert.equal(answer.status, 204);
		assert.equal(answer.headers["access-control-allow-origin"], place.console_url);
		assert.equal(answer.headers["access-control-allow-credentials"], undefined);
		assert.match(answer.headers.vary, /Origin/);
	}],
	["a session belongs to the page that it was given to", async () => {
		const bearer = await place.session(place.admin);
		assert.equal((await place.api("GET", "/v1/session", { bearer })).status, 200);
		assert.equal((await place.api("GET", "/v1/session", { bearer, origin: place.url })).status, 200);
		assert.equal((await place.api("GET", "/v1/session", { bearer, origin: place.console_url })).status, 401);
		assert.equal((await place.api("GET", "/v1/session", { bearer: bearer.replace(/^./, (c) => c === "0" ? "1" : "0") })).status, 401);
		assert.equal((await place.api("DELETE", "/v1/session", { bearer })).status, 200);
		assert.equal((await place.api("GET", "/v1/session", { bearer })).status, 401);
	}],
	["a console's token is exchanged; a name with a password is not taken from there", async () => {
		const token = await login(place, place.admin);
		const answer = await place.api("POST", "/v1/session", { origin: place.console_url, body: { token } });
		agrees(answer, "/v1/session", "post", 201);
		assert.equal(answer.data.session.name, place.admin.name);
		const other = await place.api("POST", "/v1/session", { origin: place.console_url,
			body: { name: place.admin.name, password: place.admin.password } });
		assert.equal(other.status, 400);
	}],
	["a forged token, a user's token, an administrator without rights: refused", async () => {
		const forged = (await login(place, place.admin)).replace(/_([0-9a-f])/, (all, c) => "_" + (c === "0" ? "1" : "0"));
		agrees(await place.api("POST", "/v1/session", { origin: place.console_url, body: { token: forged } }), "/v1/session", "post", 403);
		const user = await soap(place, `<AuthRequest xmlns="urn:zimbraAccount"><account by="name">${place.user.name}</account>` +
			`<password>${place.user.password}</password></AuthRequest>`);
		const token = /<authToken>(.*?)</.exec(user.text)[1];
		const answer = await place.api("POST", "/v1/session", { origin: place.console_url, body: { token } });
		assert.equal(answer.status, 403, answer.text);
		assert.match(answer.data.error.text, /no administrator/);
		const nobody = await place.api("POST", "/v1/session", { origin: place.console_url, body: { token: await login(place, place.nobody) } });
		assert.equal(nobody.status, 403);
		assert.match(nobody.data.error.text, /no right on any mailbox server/);
	}],
	["a delegated token is taken only where the configuration says so", async () => {
		const token = await login(place, place.admin);
		const answer = await place.api("POST", "/v1/session", { origin: place.console_url, body: { token, kind: "delegated" } });
		assert.equal(answer.status, 403);
		assert.match(answer.data.error.next, /api_delegated_tokens/);
	}],
	["every shown thing agrees with docs/openapi.json", async () => {
		const bearer = await place.session(place.admin);
		for (const url of ["/v1/overview", "/v1/status", "/v1/nodes", "/v1/jobs", "/v1/moves", "/v1/events", "/v1/alerts", "/v1/approvals",
			"/v1/session", "/healthz"]) {
			agrees(await place.api("GET", url, { bearer }), url, "get", 200);
		}
		const plan = await place.api("POST", "/v1/plans", { bearer, body: { kind: "evacuate", node: "mbs1" } });
		agrees(plan, "/v1/plans", "post", 200);
		agrees(await place.api("GET", "/v1/jobs/j999", { bearer }), "/v1/jobs/{id}", "get", 409);
	}],
	["what else than an evacuation may be asked for: each with its own rights, and some not from afar", async () => {
		const helpdesk = await place.session(place.helpdesk);
		const bearer = await place.session(place.admin);
		const refused = async (token, body, status, part) => {
			const answer = await place.api("POST", "/v1/plans", { bearer: token, body });
			assert.equal(answer.status, status, answer.text);
			assert.match(answer.data.error.text, part);
		};
		await refused(helpdesk, { kind: "restore", node: "mbs1" }, 403, /moveMailboxFromServer on mbs[23]/);
		await refused(helpdesk, { kind: "rebalance", to: ["mbs1"] }, 403, /moveMailboxFromServer/);
		await refused(bearer, { kind: "move", node: "mbs1", accounts: ["x@example.test"] }, 409, /not offered over HTTPS/);
		await refused(bearer, { kind: "add", node: "mbs9.example.test" }, 409, /add is not offered over HTTPS, because api_add_nodes .* is no/);
		await refused(bearer, { kind: "remove", node: "mbs1", destroy_volumes: true }, 409, /with its volumes is not offered/);
		const remove = await place.api("POST", "/v1/plans", { bearer, body: { kind: "remove", node: "mbs1" } });
		agrees(remove, "/v1/plans", "post", 200);
		const again = await place.api("POST", "/v1/containers", { bearer, body: { node: "mbs1", op: "stop" } });
		assert.equal(again.status, 403, again.text);
	}],
	["an answer that did not change is 304", async () => {
		const bearer = await place.session(place.admin);
		const first = await place.api("GET", "/v1/alerts", { bearer });
		const again = await place.api("GET", "/v1/alerts", { bearer, headers: { "If-None-Match": first.headers.etag } });
		assert.equal(again.status, 304);
		assert.equal(again.text, "");
		const other = await place.api("GET", "/v1/alerts", { bearer, headers: { "If-None-Match": "\"0\"" } });
		assert.equal(other.status, 200);
	}],
	["a job needs the plan that was shown and a key; a stale plan begins nothing", async () => {
		const bearer = await place.session(place.admin);
		const body = { kind: "evacuate", node: "mbs1" };
		const bare = await place.api("POST", "/v1/jobs", { bearer, body });
		agrees(bare, "/v1/jobs", "post", 428);
		const stale = await place.api("POST", "/v1/jobs", { bearer, body, headers: { "If-Match": "\"0000000000000000\"", "Idempotency-Key": "stale-1" } });
		agrees(stale, "/v1/jobs", "post", 409);
		assert.match(stale.data.error.text, /changed since the plan was shown/);
		assert.equal((await place.api("GET", "/v1/jobs", { bearer })).data.total, 0);
	}],
	["without the right nothing is planned or begun, and the missing right is named", async () => {
		const bearer = await place.session(place.helpdesk);
		const answer = await place.api("POST", "/v1/jobs", { bearer, body: { kind: "evacuate", node: "mbs1" },
			headers: { "If-Match": "\"x\"", "Idempotency-Key": "right-1" } });
		agrees(answer, "/v1/jobs", "post", 403);
		assert.match(answer.data.error.text, /no right moveMailboxFromServer on mbs1/);
		assert.match(answer.data.error.next, /zmprov grr server mbs1/);
		await place.do("grant", { name: place.helpdesk.name, server: place.nodes[0].host, right: "moveMailboxFromServer" });
		const second = await place.api("POST", "/v1/jobs", { bearer, body: { kind: "evacuate", node: "mbs1" },
			headers: { "If-Match": "\"x\"", "Idempotency-Key": "right-1" } });
		assert.equal(second.status, 403, second.text);
		assert.match(second.data.error.text, /no right moveMailboxToServer on mbs2/);
		await place.do("revoke", { name: place.helpdesk.name, server: place.nodes[0].host, right: "moveMailboxFromServer" });
		const plan = await place.api("POST", "/v1/plans", { bearer, body: { kind: "evacuate", node: "mbs1" } });
		agrees(plan, "/v1/plans", "post", 403);
	}],
	["issuing identities is for the controller's machine", async () => {
		const bearer = await place.session(place.admin);
		agrees(await place.api("POST", "/v1/enroll", { bearer, body: { node: "x" } }), "/v1/enroll", "post", 403);
	}],
	["metrics: with their token, not with another", async () => {
		const answer = await place.api("GET", "/metrics", { bearer: "metrics-secret" });
		assert.equal(answer.status, 200);
		assert.match(answer.text, /^zmferry_nodes\{state="ok"\} 3$/m);
		assert.equal((await place.api("GET", "/metrics", { bearer: "metrics-secreT" })).status, 401);
	}],
	["bodies: too large, no JSON, of another type", async () => {
		const origin = place.url;
		assert.equal((await place.api("POST", "/v1/session", { origin, raw: "x".repeat(300 * 1024) })).status, 413);
		assert.equal((await place.api("POST", "/v1/session", { origin, raw: "[1" })).status, 400);
		assert.equal((await place.api("POST", "/v1/session", { origin, raw: "{}", headers: { "Content-Type": "text/plain" } })).status, 415);
		assert.equal((await place.api("GET", "/v1/nothing")).status, 404);
		assert.equal((await place.api("POST", "/healthz", { body: {} })).status, 405);
	}],
	["passwords cannot be tried without end", async () => {
		const from = "127.0.77.1";
		const seen = [];
		for (let i = 0; i < 34; i++) {
			seen.push((await place.api("POST", "/v1/session", { from, origin: place.url, body: { name: "x@example.test", password: "no" } })).status);
		}
		assert.equal(seen[0], 403);
		assert.equal(seen[33], 429);
	}],
	["nothing that came in as a secret stands in the controller's log", async () => {
		const log = await place.do("log", { lines: 100000 });
		assert.ok(log.length > 200);
		assert.ok(!log.includes(place.admin.password));
		assert.ok(!/0_[0-9a-f]{64}_/.test(log), "a token of Zimbra's is in the log");
	}]
];

/* A client that begins a request and then says no more; ended() tells whether it was dropped. */
module.exports.slow_client = (place) => {
	const started = Date.now();
	const client = tls.connect({ host: place.controller.address, port: place.controller.port, ca: fs.readFileSync(place.ca),
		servername: place.controller.host });
	const gone = new Promise((resolve) => client.on("close", () => { clearInterval(drip); resolve(Date.now() - started); }));
	const drip = setInterval(() => client.write("x"), 2000);
	client.on("error", () => {});
	client.write("POST /v1/session HTTP/1.1\r\nHost: x\r\nX-Slow: ");
	return gone;
};
module.exports.agrees = agrees;
