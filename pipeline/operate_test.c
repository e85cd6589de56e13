/* operate_test.c - metrics, health, the control socket, and the ledger of a state directory */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rig_test.h"

static void
get(const char *address, const char *request, struct buf *out)
{
	weft_conn *c;
	ssize_t n;

	out->len = 0;
	REQUIRE(weft_dial(NULL, address, &c) == 0);
	CHECK(weft_write(NULL, c, request, strlen(request)) > 0);
	do {
		buf_grow(out, 65536);
		n = weft_read(NULL, c, out->data + out->len, out->room - out->len);
		out->len += n > 0 ? n : 0;
	} while (n > 0);
	weft_conn_close(c);
	buf_str(out);
}

/* Of "name{labels}": the value; -1: there is none. */
static double
metric(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ' ')
			return atof(line + n + 1);
	}
	return -1;
}

static bool
is_name(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz_", p[i]))
			return false;
	return n > 0;
}

/* Labels in braces, as Prometheus reads them; where they end, or NULL. */
static const char *
labels(const char *p)
{
	if (*p != '{')
		return p;
	do {
		size_t n = strcspn(++p, "=");

		if (!is_name(p, n) || p[n + 1] != '"')
			return NULL;
		for (p += n + 2; *p != '"'; p++) {
			if (*p == '\\' && !strchr("\\\"n", *++p))
				return NULL;
			if (!*p || *p == '\n')
				return NULL;
		}
		p++;
	} while (*p == ',');
	return *p == '}' ? p + 1 : NULL;
}

/* Every line a comment or a sample, every sample right below HELP and TYPE of its metric. */
static void
check_format(const char *text)
{
	char type[128] = "", help[128] = "", kind[16];
	int samples = 0;

	for (const char *p = text, *eol; *p; p = eol + 1) {
		size_t n = strcspn(p, "{ ");
		const char *at;
		char *end;

		eol = strchr(p, '\n');
		REQUIRE(eol != NULL);
		if (sscanf(p, "# HELP %127s", help) == 1)
			continue;
		if (sscanf(p, "# TYPE %127s %15s", type, kind) == 2) {
			CHECK_STR(type, help);
			CHECK(strcmp(kind, "gauge") == 0 || strcmp(kind, "counter") == 0);
			continue;
		}
		CHECK(is_name(p, n) && strlen(type) == n && memcmp(p, type, n) == 0);
		at = labels(p + n);
		REQUIRE(at && *at == ' ');
		strtod(at + 1, &end);
		CHECK(end == eol);
		samples++;
	}
	CHECK(samples > 40);
}

static void
check_row(const char *text, const struct weft_ledger_row *r)
{
	const struct { const char *name; uint64_t n; } all[] = {
		{ "read_lines_total", r->read }, { "delivered_lines_total", r->delivered },
		{ "filtered_lines_total", r->filtered }, { "dead_lines_total", r->dead },
		{ "in_flight_lines", r->in_flight }, { "bytes_total", r->bytes },
		{ "balanced", r->balanced },
	};
	char name[256];

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		snprintf(name, sizeof(name), "weft_pipeline_ledger_%s{source=\"%s\",output=\"%s\"}",
		    all[i].name, r->source, r->output);
		CHECK_EQ(metric(text, name), all[i].n);
	}
}

static const char lines[] = "one\nerror two\n{\"level\":\"debug\"}\n{broken\nlast\n";

TEST(MetricsParseAndAgreeWithTheLedger)
{
	struct weft_ledger_row rows[8];
	struct buf got = { 0 };
	struct rig r;
	char *body;
	int n;

	write_file("in", lines, sizeof(lines) - 1);
	rig_init(&r, false);
	CHECK_EQ(weft_pipeline_where(r.p, "keep", "level >= info"), 0);
	CHECK_EQ(weft_pipeline_output(r.p, "odd \"name\\", &(struct weft_output_options){
	    .call = rig_output, .arg = &r }), 0);
	CHECK_EQ(weft_pipeline_listen(r.p, "127.0.0.1:0"), 0);
	rig_start(&r);
	rig_wait(&r, 5);
	get(server_address(r.p->server), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", &got);
	CHECK(strncmp(got.data, "HTTP/1.1 200 OK\r\n", 17) == 0);
	body = strstr(got.data, "\r\n\r\n") + 4;
	check_format(body);
	n = weft_pipeline_ledger(r.p, rows, 8);
	CHECK_EQ(n, 4);
	for (int i = 0; i < n; i++)
		if (strcmp(rows[i].output, "out") == 0)
			check_row(body, &rows[i]);
	CHECK_EQ(metric(body, "weft_pipeline_source_lines_total{source=\"app\"}"), 5);
	CHECK_EQ(metric(body, "weft_pipeline_step_in_lines_total{step=\"keep\","
	    "kind=\"where\"}"), 4);
	CHECK_EQ(metric(body, "weft_pipeline_output_records_total{output=\"out\"}"), 3);
	CHECK(metric(body, "weft_pipeline_output_failing{output=\"odd \\\"name\\\\\"}") == 0);
	CHECK(metric(body, "weft_pipeline_open_fds") > 3);
	rig_finish(&r);
	CHECK_EQ(r.err, 0);
	buf_finish(&got);
}

TEST(ServerRefusesWhatItDoesNotServe)
{
	static const struct { const char *request, *answer; } all[] = {
		{ "GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK" },
		{ "HEAD /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK" },
		{ "GET /healthz?x=1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK" },
		{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404" },
		{ "GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.1 404" },
		{ "POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405" },
		{ "get /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400" },
		{ "GET metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400" },
		{ "GET /metrics HTTP/2.0\r\n\r\n", "HTTP/1.1 400" },
		{ "\r\n\r\n", "HTTP/1.1 400" },
	};
	struct buf got = { 0 };
	struct rig r;

	write_file("in", "", 0);
	rig_init(&r, false);
	CHECK_EQ(weft_pipeline_listen(r.p, "127.0.0.1:0"), 0);
	rig_start(&r);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		get(server_address(r.p->server), all[i].request, &got);
		if (strncmp(got.data, all[i].answer, strlen(all[i].answer)) != 0)
			CHECK_STR(got.data, all[i].answer);
	}
	get(server_address(r.p->server), "HEAD /metrics HTTP/1.1\r\n\r\n", &got);
	CHECK_STR(strstr(got.data, "\r\n\r\n"), "\r\n\r\n");
	rig_finish(&r);
	buf_finish(&got);
}

TEST(RequestsAreBounded)
{
	struct buf got = { 0 }, request = { 0 };
	struct rig r;

	write_file("in", "", 0);
	rig_init(&r, false);
	CHECK_EQ(weft_pipeline_listen(r.p, "127.0.0.1:0"), 0);
	rig_start(&r);
	buf_adds(&request, "GET /metrics HTTP/1.1\r\nX: ");
	while (request.len < 20000)
		buf_addc(&request, 'x');
	get(server_address(r.p->server), buf_str(&request), &got);
	CHECK(strncmp(got.data, "HTTP/1.1 431", 12) == 0);
	rig_finish(&r);
	buf_finish(&got);
	buf_finish(&request);
}

/* On a network of the test's own, where time is not real. */
TEST(SlowClientsTimeOut, .bubble = true)
{
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){ .host = "h" });
	struct buf got = { 0 }, err = { 0 };
	struct server *s;
	int64_t began;

	REQUIRE(server_open(p, "10.0.0.1:80", &s, &err) == 0);
	server_start(s);
	began = weft_now();
	get("tcp://10.0.0.1:80", "GET /metrics HTTP/1.1\r\n", &got);
	CHECK(strncmp(got.data, "HTTP/1.1 408", 12) == 0);
	CHECK_EQ((weft_now() - began) / WEFT_SECOND, 10);
	server_stop(s);
	weft_pipeline_free(p);
	buf_finish(&got);
	buf_finish(&err);
}

TEST(NoRequestIsTooOdd)
{
	static const char seed[] = "GET /healthz?a HTTP/1.1\r\nHost: x\r\n\r\n";
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){ .host = "h" });
	struct buf out = { 0 }, err = { 0 };
	struct server *s;

	REQUIRE(server_open(p, "127.0.0.1:0", &s, &err) == 0);
	for (int i = 0; i < 3000; i++) {
		size_t len = weft_random() % sizeof(seed);
		char *request = xmalloc(len + 1);

		memcpy(request, seed, len);
		for (int k = weft_random() % 4; k > 0 && len; k--)
			request[weft_random() % len] = weft_random();
		out.len = 0;
		server_answer(s, request, len, &out);
		CHECK(out.len > 12 && memcmp(out.data, "HTTP/1.1 ", 9) == 0);
		free(request);
	}
	server_stop(s);
	weft_pipeline_free(p);
	buf_finish(&out);
	buf_finish(&err);
}

TEST(AddressInUseIsAnError)
{
	struct rig r, second;
	char *address;

	write_file("in", "", 0);
	rig_init(&r, false);
	CHECK_EQ(weft_pipeline_listen(r.p, "127.0.0.1:0"), 0);
	rig_start(&r);
	address = strdup(server_address(r.p->server));
	second = (struct rig){ .p = weft_pipeline_new(&(struct weft_pipeline_options){ 0 }) };
	CHECK_EQ(weft_pipeline_output(second.p, "out", &(struct weft_output_options){
	    .call = rig_output, .arg = &second }), 0);
	CHECK_EQ(weft_pipeline_listen(second.p, address), 0);
	CHECK_EQ(weft_pipeline_run(NULL, second.p), -EADDRINUSE);
	CHECK(strstr(weft_pipeline_error(second.p), "cannot listen at") != NULL);
	weft_pipeline_free(second.p);
	rig_finish(&r);
	free(address);
}

TEST(HealthTurnsBadAndGoodAgain)
{
	static const struct health_limits at_once = {
		.failing = 0, .stalled = 3600 * WEFT_SECOND, .errors = 3600 * WEFT_SECOND
	};
	static const char request[] = "GET /healthz HTTP/1.1\r\n\r\n";
	struct buf got = { 0 };
	struct rig r;

	write_file("in", lines, sizeof(lines) - 1);
	rig_init(&r, false);
	r.p->health = &at_once;
	atomic_store(&r.error, -ECONNREFUSED);
	CHECK_EQ(weft_pipeline_listen(r.p, "127.0.0.1:0"), 0);
	rig_start(&r);
	do
		get(server_address(r.p->server), request, &got);
	while (strncmp(got.data, "HTTP/1.1 200", 12) == 0);
	CHECK(strncmp(got.data, "HTTP/1.1 503 Service Unavailable\r\n", 34) == 0);
	CHECK(strstr(got.data, "output out has been failing for 0 s: Connection refused\n"));
	atomic_store(&r.error, 0);
	rig_wait(&r, 5);
	do
		get(server_address(r.p->server), request, &got);
	while (strncmp(got.data, "HTTP/1.1 503", 12) == 0);
	CHECK_STR(strstr(got.data, "\r\n\r\n"), "\r\n\r\nok\n");
	rig_finish(&r);
	buf_finish(&got);
}

static void
add(struct snapshot *s, int kind, struct snap_row row)
{
	s->rows[kind] = xrealloc(s->rows[kind], (s->count[kind] + 1) * sizeof(row));
	for (int i = 0; i < SNAP_TEXTS; i++)
		row.text[i] = xstrdup(row.text[i]);
	s->rows[kind][s->count[kind]++] = row;
}

TEST(HealthKnowsWhatDoesNotMove)
{
	struct snapshot s = { 0 };
	struct health h = { 0 };
	struct buf why = { 0 };
	uint64_t *row, *out;
	int64_t now = 1000 * WEFT_SECOND;

	add(&s, SNAP_SOURCE, (struct snap_row){ .text = { "app", "" } });
	add(&s, SNAP_OUTPUT, (struct snap_row){ .text = { "es", "refused" } });
	add(&s, SNAP_LEDGER, (struct snap_row){ .text = { "app", "es" }, .n = {
	    [LEDGER_READ] = 7, [LEDGER_IN_FLIGHT] = 1, [LEDGER_BALANCED] = 1 } });
	row = s.rows[SNAP_LEDGER][0].n;
	out = s.rows[SNAP_OUTPUT][0].n;
	CHECK(health_good(&h, &health_limits, &s, now, &why));
	CHECK(health_good(&h, &health_limits, &s, now + 29 * WEFT_SECOND, &why));
	out[OUTPUT_FAILING] = 1;
	CHECK(!health_good(&h, &health_limits, &s, now + 42 * WEFT_SECOND, &why));
	CHECK_STR(buf_str(&why),
	    "no progress at output es for 42 s: output es is failing: refused\n");
	why.len = 0;
	row[LEDGER_READ]++;		/* it moves */
	CHECK(health_good(&h, &health_limits, &s, now + 43 * WEFT_SECOND, &why));
	row[LEDGER_READ] -= row[LEDGER_IN_FLIGHT];
	row[LEDGER_IN_FLIGHT] = 0;	/* nothing waits */
	CHECK(health_good(&h, &health_limits, &s, now + 100 * WEFT_SECOND, &why));
	row[LEDGER_READ]++;		/* to disk, which is no progress */
	row[LEDGER_SPILLED] = 1;
	CHECK(!health_good(&h, &health_limits, &s, now + 131 * WEFT_SECOND, &why));
	row[LEDGER_SPILLED] = 0;
	why.len = 0;
	row[LEDGER_BALANCED] = 0;
	CHECK(!health_good(&h, &health_limits, &s, now + 200 * WEFT_SECOND, &why));
	CHECK_STR(buf_str(&why), "the ledger does not balance for source app and output es\n");
	row[LEDGER_BALANCED] = 1;
	why.len = 0;
	s.rows[SNAP_SOURCE][0].n[SOURCE_FAILED] = now + 195 * WEFT_SECOND;
	CHECK(!health_good(&h, &health_limits, &s, now + 200 * WEFT_SECOND, &why));
	CHECK(health_good(&h, &health_limits, &s, now + 300 * WEFT_SECOND, &why));
	snapshot_finish(&s);
	health_finish(&h);
	buf_finish(&why);
}

static bool
keep_line(const char *line, size_t len, void *arg)
{
	buf_add(arg, line, len);
	return true;
}

TEST(ControlSocketAnswers)
{
	struct buf got = { 0 }, why = { 0 };
	struct snapshot s;
	struct stat st;
	char path[600];
	struct rig r;

	write_file("in", lines, sizeof(lines) - 1);
	rig_init(&r, true);
	rig_start(&r);
	rig_wait(&r, 5);
	snprintf(path, sizeof(path), "%s/control.sock", r.state);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(control_ask(NULL, r.state, "ledger", keep_line, &got, &why), 0);
	CHECK(strstr(buf_str(&got), "{\"source\":\"app\",\"output\":\"out\",\"read\":5,"
	    "\"delivered\":4,\"filtered\":0,\"dead\":1,") == got.data);
	got.len = 0;
	CHECK_EQ(control_ask(NULL, r.state, "counts", keep_line, &got, &why), 0);
	REQUIRE(snapshot_parse(got.data, got.len, &s) == 0);
	CHECK_EQ(s.count[SNAP_SOURCE], 2);
	CHECK_STR(s.rows[SNAP_OUTPUT][0].text[0], "out");
	CHECK_EQ(s.rows[SNAP_OUTPUT][0].n[OUTPUT_RECORDS], 4);
	CHECK_EQ(s.rows[SNAP_WORKER][0].n[WORKER_LINES] +
	    s.rows[SNAP_WORKER][1].n[WORKER_LINES], 5);
	snapshot_finish(&s);
	CHECK_EQ(control_ask(NULL, r.state, "tap step none", keep_line, &got, &why), -EREMOTEIO);
	CHECK_STR(buf_str(&why), "there is no step none; there are none ");
	why.len = 0;
	CHECK_EQ(control_ask(NULL, r.state, "nonsense", keep_line, &got, &why), -EREMOTEIO);
	rig_finish(&r);
	why.len = 0;
	CHECK_EQ(control_ask(NULL, r.state, "counts", keep_line, &got, &why), -ENOENT);
	buf_finish(&got);
	buf_finish(&why);
}

TEST(LedgerIsReadFromTheStateDirectory)
{
	struct weft_ledger_row *rows;
	char why[256], path[600];
	struct rig r;
	sqlite3 *db;

	write_file("in", lines, sizeof(lines) - 1);
	rig_init(&r, true);
	rig_start(&r);
	rig_wait(&r, 5);
	CHECK(weft_ledger_read(r.state, &rows, why, sizeof(why)) >= 0);	/* while it runs */
	free(rows);
	rig_finish(&r);
	REQUIRE(weft_ledger_read(r.state, &rows, why, sizeof(why)) == 1);
	CHECK_STR(rows[0].source, "app");
	CHECK_STR(rows[0].output, "out");
	CHECK_EQ(rows[0].read, 5);
	CHECK_EQ(rows[0].delivered, 4);
	CHECK(rows[0].balanced);
	free(rows);
	snprintf(path, sizeof(path), "%s/state.db", r.state);
	REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, "UPDATE ledger SET delivered = 3", NULL, NULL, NULL), 0);
	sqlite3_close(db);
	REQUIRE(weft_ledger_read(r.state, &rows, why, sizeof(why)) == 1);
	CHECK(!rows[0].balanced);
	free(rows);
	CHECK_EQ(weft_ledger_read(weft_tempdir(), &rows, why, sizeof(why)), -ENOENT);
	CHECK(strstr(why, "is a state directory?") || strstr(why, "a state directory?"));
}
