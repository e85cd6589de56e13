/* enrich_test.c - what steps add to lines: set, table, geoip, rdns */
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdlib.h>

#include "csv.h"
#include "step_impl.h"
#include "step_rdns.h"
#include "testfiles.h"
#include "testlines.h"
#include "weft/sync.h"
#include "weft/time.h"

static struct step *
made(struct step *s, struct buf *err)
{
	if (!s)
		weft_logf("%s", buf_str(err));
	REQUIRE(s != NULL);
	CHECK_EQ(err->len, 0);
	return s;
}

static struct line *
add(struct test_lines *tb, const char *text)
{
	return test_parse(tb, text, strlen(text), WEFT_LINE_AUTO, true);
}

/* Only the fields that steps have added. */
static const char *
added(struct test_lines *tb, const struct line *l)
{
	tb->out.len = 0;
	for (int i = 0; i < l->nfields; i++) {
		const struct field *f = &tb->b->fields[l->field + i];

		if (f->added)
			buf_printf(&tb->out, "%s%.*s%c%.*s", tb->out.len ? " " : "", (int)f->klen,
			    f->key, f->kind == FIELD_RAW ? ':' : '=', (int)f->len, f->value);
	}
	return buf_str(&tb->out);
}

static void
check_error(struct step *s, struct buf *err, const char *want)
{
	CHECK(s == NULL);
	CHECK_STR(buf_str(err), want);
	buf_finish(err);
}

static void
set(struct test_lines *tb, const char *field, const char *value)
{
	struct buf err = { 0 };
	struct step *s = made(step_set(field, value, &err), &err);

	CHECK(s->wants.fields);
	s->run(s, tb->s, tb->b);
	/* the texts of a step outlive it only here: nothing is read of them afterwards */
	weft_cleanup((void (*)(void *))step_free, s);
}

TEST(SetAddsAField)
{
	struct test_lines tb;
	struct line *a, *b;

	setenv("WEFT_TEST_REGION", "eu", 1);
	setenv("WEFT_TEST_EMPTY", "", 1);
	test_lines_init(&tb);
	a = add(&tb, "{\"user\":{\"name\":\"b\\\"b\"},\"n\":7,\"env\":\"own\",\"host\":\"h\"}");
	b = add(&tb, "plain");
	set(&tb, "region", "${WEFT_TEST_REGION}-${WEFT_TEST_NONE:-1}-${WEFT_TEST_EMPTY:-x}");
	set(&tb, "who", "{user.name}/{n}{{}}");
	set(&tb, "env", "prod");		/* a has one */
	set(&tb, "host", "mine");		/* outputs write one */
	set(&tb, "region", "again");		/* ours is ours to change */
	set(&tb, "empty", "");
	CHECK_STR(added(&tb, a), "region=again who=b\"b/7{} _env=prod __host=mine empty=");
	/* b has nothing of what who is made of */
	CHECK_STR(added(&tb, b), "region=again env=prod __host=mine empty=");
	test_lines_finish(&tb);
}

TEST(SetReadsTheEnvironmentAtOnce)
{
	struct test_lines tb;
	struct line *l;
	struct buf err = { 0 };

	setenv("WEFT_TEST_REGION", "eu", 1);
	test_lines_init(&tb);
	l = add(&tb, "x");
	struct step *s = made(step_set("a", "${WEFT_TEST_REGION}", &err), &err);
	setenv("WEFT_TEST_REGION", "us", 1);
	s->run(s, tb.s, tb.b);
	CHECK_STR(added(&tb, l), "a=eu");
	step_free(s);
	test_lines_finish(&tb);
}

TEST(BadSetsAreExplained)
{
	struct buf err = { 0 };

	unsetenv("WEFT_TEST_NONE");
	check_error(step_set("a", "${WEFT_TEST_NONE}", &err), &err, "WEFT_TEST_NONE is not set in the"
	    " environment: set it, or write a default, ${WEFT_TEST_NONE:-none}");
	check_error(step_set("a", "${X", &err), &err, "${X has no }");
	check_error(step_set("a", "x{b", &err), &err, "{b has no } (a brace itself is written {{)");
	check_error(step_set("a", "x{}", &err), &err, "a name is missing, such as level, message or"
	    " status, after { (a brace itself is written {{)");
	check_error(step_set("", "x", &err), &err, "a field's name is empty");
	check_error(step_set("a\"b", "x", &err), &err, "\"a\"b\" is no name for a field: quotes,"
	    " backslashes and control characters cannot be in one");
}

TEST(NamesThatAreTakenGetUnderscores)
{
	struct test_lines tb;
	struct line *l;

	test_lines_init(&tb);
	l = add(&tb, "{\"a\":1,\"_a\":2,\"b\":3,\"_b\":1,\"__b\":1,\"___b\":1,\"____b\":1,\"_____b\":1,"
	    "\"______b\":1,\"_______b\":1,\"________b\":1}");
	set(&tb, "a", "x");
	set(&tb, "b", "x");		/* nine of that name: there is no room for a tenth */
	set(&tb, "level", "x");
	CHECK_STR(added(&tb, l), "__a=x _level=x");
	test_lines_finish(&tb);
}

/*
 * CSV
 */

static const char *
csv_says(const char *text)
{
	static char out[512];
	char *copy = strdup(text);
	struct buf err = { 0 };
	size_t n = 0;
	struct csv c;
	int more;

	csv_init(&c, copy, strlen(text));
	*out = '\0';
	while ((more = csv_next(&c, &err)) > 0) {
		n += snprintf(out + n, sizeof(out) - n, "%d:", c.line);
		for (size_t i = 0; i < c.n; i++)
			n += snprintf(out + n, sizeof(out) - n, "<%.*s>", (int)c.values[i].len,
			    c.values[i].p);
	}
	if (more < 0)
		snprintf(out + n, sizeof(out) - n, "!%s", buf_str(&err));
	csv_finish(&c);
	free(copy);
	buf_finish(&err);
	return out;
}

TEST(CsvAsTheRfcHasIt)
{
	CHECK_STR(csv_says(""), "");
	CHECK_STR(csv_says("a,b\n1,2\n"), "1:<a><b>2:<1><2>");
	CHECK_STR(csv_says("a,b\r\n1,\r\n"), "1:<a><b>2:<1><>");
	CHECK_STR(csv_says("a"), "1:<a>");
	CHECK_STR(csv_says(",\n"), "1:<><>");
	CHECK_STR(csv_says("a,"), "1:<a><>");
	CHECK_STR(csv_says("\"a,b\",\"c\"\"d\",\"\"\n"), "1:<a,b><c\"d><>");
	CHECK_STR(csv_says("\"a\nb\",c\nd,e"), "1:<a\nb><c>3:<d><e>");
	CHECK_STR(csv_says("\n\na\n\n\nb\n\n"), "3:<a>6:<b>");
	CHECK_STR(csv_says("\357\273\277a,b"), "1:<a><b>");
	CHECK_STR(csv_says("\"\"\"\""), "1:<\">");
	CHECK_STR(csv_says(" a , b "), "1:< a >< b >");
	CHECK_STR(csv_says("a\n\"b\nc"), "1:<a>!line 2: a quote is never closed");
	CHECK_STR(csv_says("a\nb\"c"), "1:<a>!line 2: a quote inside a value without quotes: put"
	    " quotes around it, and write it twice");
	CHECK_STR(csv_says("\"a\"b"), "!line 1: something stands between a closing quote and the"
	    " comma");
}

TEST(CsvOfAnyBytesEnds)
{
	static const char alphabet[] = "ab\",\r\n";
	uint64_t seed = 9;

	for (int i = 0; i < 5000; i++) {
		size_t len = i % 24;
		char *text = malloc(len + 1);
		struct buf err = { 0 };
		struct csv c;
		int more, records = 0;

		for (size_t j = 0; j < len; j++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			text[j] = alphabet[(seed >> 33) % 6];
		}
		text = realloc(text, len ? len : 1);
		csv_init(&c, text, len);
		while ((more = csv_next(&c, &err)) > 0) {
			REQUIRE(c.n > 0 && ++records <= 24);
			for (size_t j = 0; j < c.n; j++)
				REQUIRE(c.values[j].p >= text &&
				    c.values[j].p + c.values[j].len <= text + len);
		}
		CHECK_EQ(more < 0, err.len > 0);
		csv_finish(&c);
		buf_finish(&err);
		free(text);
	}
}

static struct step *
table(const char *text, const char *column, const char *ref, const char *prefix,
    struct buf *err)
{
	char path[512];

	write_file("t.csv", text, strlen(text));
	return step_table(path_of(path, "t.csv"), column, ref, prefix, err);
}

/* err without the directory, which is another one each time. */
static void
check_table_error(struct step *s, struct buf *err, const char *want)
{
	size_t n = strlen(weft_tempdir()) + 1;
	const char *text = buf_str(err);

	CHECK(s == NULL);
	CHECK(strncmp(text, weft_tempdir(), n - 1) == 0);
	CHECK_STR(text + n, want);
	buf_finish(err);
}

TEST(TableAddsTheRow)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct line *a, *b, *c;
	struct step *s = made(table("id,team,mail,env\r\n7,\"core, us\",,x\r\nz,two,m,y\r\n", "id",
	    "svc.id", "own", &err), &err), *plain = made(table("id,env\n7,x\n", "id", "svc.id",
	    NULL, &err), &err);

	test_lines_init(&tb);
	a = add(&tb, "{\"svc\":{\"id\":7},\"env\":\"own\"}");
	b = add(&tb, "{\"svc\":{\"id\":\"8\"}}");
	c = add(&tb, "{\"svc\":{\"id\":\"\\u007a\"}}");
	s->run(s, tb.s, tb.b);
	plain->run(plain, tb.s, tb.b);
	CHECK_STR(added(&tb, a), "own.team=core, us own.env=x _env=x");
	CHECK_STR(added(&tb, b), "");
	CHECK_STR(added(&tb, c), "own.team=two own.mail=m own.env=y");
	CHECK_EQ(s->in, 3);
	CHECK_EQ(s->out, 3);
	CHECK_EQ(s->failed, 0);
	step_free(s);
	step_free(plain);
	test_lines_finish(&tb);
}

TEST(BadTablesAreExplained)
{
	struct buf err = { 0 };

	check_table_error(table("", "id", "a", NULL, &err), &err,
	    "t.csv: it is empty, and its first line must name the columns");
	check_table_error(table("x,y\n", "id", "a", NULL, &err), &err,
	    "t.csv has no column id: its first line names x, y");
	check_table_error(table("id,y\n1,2\n\n1,3\n", "id", "a", NULL, &err), &err,
	    "t.csv: line 4: there is a line for \"1\" already");
	check_table_error(table("id,y\n1,2,3\n", "id", "a", NULL, &err), &err,
	    "t.csv: line 2 has 3 values, and line 1 has 2");
	check_table_error(table("id,\n", "id", "a", NULL, &err), &err,
	    "t.csv, line 1, column 2: a field's name is empty");
	check_table_error(table("id,b\n\"1,2\n", "id", "a", NULL, &err), &err,
	    "t.csv: line 2: a quote is never closed");
	check_error(step_table("/nowhere/t.csv", "id", "a", NULL, &err), &err,
	    "cannot read /nowhere/t.csv: No such file or directory");
	check_error(step_table("/", "id", "a", NULL, &err), &err, "cannot read /: Is a directory");
	check_error(step_table("/dev/null", "id", "a", NULL, &err), &err,
	    "cannot read /dev/null: it is no file");
	check_error(table("id\n", "id", "a b", NULL, &err), &err, "\"a b\" is no name of a field:"
	    " only letters, digits, _, - and @ need no quotes, as in [\"a b\"]");
}

/*
 * GeoIP: a database small enough to be made here.  A tree of 24-bit records, 16 zeros, values, and
 * what there is to say about them.
 */

#define NOTHING	UINT32_MAX
#define VALUE	0x80000000u			/* the rest is an offset among the values */

struct mmdb {
	uint32_t tree[512][2];
	int	 n;
	struct buf values;
};

static void
mm_control(struct buf *out, int type, size_t size)
{
	size_t small = size < 29 ? size : 29;

	buf_addc(out, type > 7 ? small : type << 5 | small);
	if (type > 7)
		buf_addc(out, type - 7);
	if (small == 29)
		buf_addc(out, size - 29);
}

static void
mm_string(struct buf *out, const char *s)
{
	mm_control(out, 2, strlen(s));
	buf_adds(out, s);
}

static void
mm_number(struct buf *out, int type, int bytes, uint64_t n)
{
	mm_control(out, type, bytes);
	while (bytes-- > 0)
		buf_addc(out, (char)(n >> 8 * bytes));
}

static void
mm_double(struct buf *out, double d)
{
	uint64_t n;

	memcpy(&n, &d, 8);
	mm_number(out, 3, 8, n);
}

/* Follows len bits of the address, making nodes; what is there afterwards is value. */
static void
mm_insert(struct mmdb *m, const uint8_t *bits, int len, uint32_t value)
{
	uint32_t node = 0;

	for (int i = 0; i < len; i++) {
		uint32_t *to = &m->tree[node][bits[i / 8] >> (7 - i % 8) & 1];

		if (i == len - 1) {
			*to = value;
			return;
		}
		if (*to == NOTHING) {
			m->tree[m->n][0] = m->tree[m->n][1] = NOTHING;
			*to = m->n++;
		}
		node = *to;
	}
}

static void
mm_write(struct mmdb *m, int version, const char *name)
{
	struct buf out = { 0 };

	for (int i = 0; i < m->n; i++)
		for (int side = 0; side < 2; side++) {
			uint32_t r = m->tree[i][side];

			r = r == NOTHING ? (uint32_t)m->n :
			    r & VALUE ? m->n + 16 + (r & ~VALUE) : r;
			buf_addc(&out, r >> 16);
			buf_addc(&out, r >> 8);
			buf_addc(&out, r);
		}
	for (int i = 0; i < 16; i++)
		buf_addc(&out, 0);
	buf_add(&out, m->values.data, m->values.len);
	buf_adds(&out, "\xab\xcd\xefMaxMind.com");
	mm_control(&out, 7, 9);
	mm_string(&out, "binary_format_major_version");
	mm_number(&out, 5, 2, 2);
	mm_string(&out, "binary_format_minor_version");
	mm_number(&out, 5, 2, 0);
	mm_string(&out, "build_epoch");
	mm_number(&out, 9, 8, 1790000000);
	mm_string(&out, "database_type");
	mm_string(&out, "Test");
	mm_string(&out, "description");
	mm_control(&out, 7, 0);
	mm_string(&out, "ip_version");
	mm_number(&out, 5, 2, version);
	mm_string(&out, "languages");
	mm_control(&out, 11, 0);
	mm_string(&out, "node_count");
	mm_number(&out, 6, 4, m->n);
	mm_string(&out, "record_size");
	mm_number(&out, 5, 2, 24);
	write_file(name, out.data, out.len);
	buf_finish(&out);
}

static void
mm_city(struct buf *out)
{
	mm_control(out, 7, 4);
	mm_string(out, "country");
	mm_control(out, 7, 2);
	mm_string(out, "iso_code");
	mm_string(out, "GB");
	mm_string(out, "names");
	mm_control(out, 7, 1);
	mm_string(out, "en");
	mm_string(out, "United Kingdom");
	mm_string(out, "city");
	mm_control(out, 7, 1);
	mm_string(out, "names");
	mm_control(out, 7, 1);
	mm_string(out, "en");
	mm_string(out, "London");
	mm_string(out, "subdivisions");
	mm_control(out, 11, 1);
	mm_control(out, 7, 1);
	mm_string(out, "names");
	mm_control(out, 7, 1);
	mm_string(out, "en");
	mm_string(out, "England");
	mm_string(out, "location");
	mm_control(out, 7, 2);
	mm_string(out, "latitude");
	mm_double(out, 51.5);
	mm_string(out, "longitude");
	mm_double(out, -0.0931);
}

static void
mm_network(struct buf *out)
{
	mm_control(out, 7, 2);
	mm_string(out, "autonomous_system_number");
	mm_number(out, 6, 4, 64512);
	mm_string(out, "autonomous_system_organization");
	mm_string(out, "Example Net");
}

/* 81.2.69.0/24 is a city, 2001:db8::/32 (or, of version 4, 9.0.0.0/8) a network. */
static const char *
make_database(char path[512], int version)
{
	static const uint8_t city[16] = { [12] = 81, 2, 69 }, six[4] = { 0x20, 0x01, 0x0d, 0xb8 };
	static const uint8_t nine[1] = { 9 };
	struct mmdb m = { .n = 1, .tree = { { NOTHING, NOTHING } } };
	uint32_t at;

	mm_city(&m.values);
	at = m.values.len;
	mm_network(&m.values);
	if (version == 6) {
		mm_insert(&m, city, 120, VALUE);
		mm_insert(&m, six, 32, VALUE | at);
	} else {
		mm_insert(&m, city + 12, 24, VALUE);
		mm_insert(&m, nine, 8, VALUE | at);
	}
	mm_write(&m, version, "t.mmdb");
	buf_finish(&m.values);
	return path_of(path, "t.mmdb");
}

#define CITY(p)	p ".country=GB " p ".country_name=United Kingdom " p ".region=England " p \
	".city=London " p ".latitude:51.5 " p ".longitude:-0.0931"

TEST(GeoipSaysWhere)
{
	struct test_lines tb;
	struct buf err = { 0 };
	char path[512];
	struct step *s = made(step_geoip(make_database(path, 6), "ip", "geo", &err), &err);
	struct line *a, *b, *c, *d, *e, *f;

	test_lines_init(&tb);
	a = add(&tb, "{\"ip\":\"81.2.69.160\"}");
	b = add(&tb, "{\"ip\":\"[2001:db8::5]:443\"}");
	c = add(&tb, "{\"ip\":\"10.0.0.1\"}");
	d = add(&tb, "{\"ip\":\"localhost\"}");
	e = add(&tb, "{}");
	f = add(&tb, "{\"ip\":\"81.2.69.160:80\",\"geo.city\":\"own\"}");
	for (int round = 0; round < 2; round++) {	/* the second time out of the cache */
		s->run(s, tb.s, tb.b);
		CHECK_STR(added(&tb, a), CITY("geo"));
		CHECK_STR(added(&tb, b), "geo.asn:64512 geo.org=Example Net");
		CHECK_STR(added(&tb, c), "");
		CHECK_STR(added(&tb, d), "");
		CHECK_STR(added(&tb, e), "");
		CHECK(strstr(added(&tb, f), "geo.region=England _geo.city=London geo.latitude"));
	}
	CHECK_EQ(s->in, 12);
	CHECK_EQ(s->out, 12);
	CHECK_EQ(s->failed, 2);		/* localhost is no address */
	step_free(s);
	test_lines_finish(&tb);
}

TEST(GeoipOfVersion4KnowsNoLongAddresses)
{
	struct test_lines tb;
	struct buf err = { 0 };
	char path[512];
	struct step *s = made(step_geoip(make_database(path, 4), "ip", NULL, &err), &err);
	struct line *a, *b, *c;

	test_lines_init(&tb);
	a = add(&tb, "{\"ip\":\"81.2.69.160\"}");
	b = add(&tb, "{\"ip\":\"2001:db8::5\"}");
	c = add(&tb, "{\"ip\":\"9.9.9.9\"}");
	s->run(s, tb.s, tb.b);
	CHECK_STR(added(&tb, a), CITY("geoip"));
	CHECK_STR(added(&tb, b), "");
	CHECK_STR(added(&tb, c), "geoip.asn:64512 geoip.org=Example Net");
	CHECK_EQ(s->failed, 0);
	step_free(s);
	test_lines_finish(&tb);
}

TEST(LinesThatFailDieIfStrict)
{
	struct test_lines tb;
	struct buf err = { 0 };
	char path[512];
	struct step *s = made(step_geoip(make_database(path, 4), "ip", NULL, &err), &err);
	struct line *l;

	s->strict = true;
	test_lines_init(&tb);
	l = add(&tb, "{\"ip\":\"nowhere\"}");
	s->run(s, tb.s, tb.b);
	CHECK_EQ(l->fate, DEAD);
	CHECK_STR(l->error, "geoip: it is no IP address");
	CHECK_EQ(s->out, 0);
	step_free(s);
	test_lines_finish(&tb);
}

TEST(BadDatabasesAreExplained)
{
	struct buf err = { 0 };
	char path[512], want[600];

	check_error(step_geoip("/nowhere/x.mmdb", "ip", NULL, &err), &err,
	    "cannot read /nowhere/x.mmdb: No such file or directory");
	write_file("x.mmdb", "no database", 11);
	CHECK(step_geoip(path_of(path, "x.mmdb"), "ip", NULL, &err) == NULL);
	snprintf(want, sizeof(want), "%s is no MaxMind database: ", path);
	CHECK(strncmp(buf_str(&err), want, strlen(want)) == 0);
	buf_finish(&err);
}

/*
 * Reverse DNS, with a name server of ours
 */

static struct {
	_Atomic int asked, out, most;
	sem_t	 gate;			/* a thread waits here, outside of Weft */
} server;

static int
answer(const struct sockaddr *addr, socklen_t len, char *name, size_t room)
{
	const uint8_t *ip = (const uint8_t *)&((const struct sockaddr_in *)addr)->sin_addr;
	int now = ++server.out, most = server.most;

	(void)len;
	while (now > most && !atomic_compare_exchange_weak(&server.most, &most, now))
		;
	server.asked++;
	/* 10.9.x.x answers when the test lets it */
	if (ip[1] == 9)
		sem_wait(&server.gate);
	server.out--;
	if (ip[1] == 7)
		return EAI_AGAIN;
	if (ip[1] == 8)
		return EAI_NONAME;
	snprintf(name, room, "host-%d-%d.example", ip[2], ip[3]);
	return 0;
}

static struct step *
rdns(int64_t timeout, int64_t ttl)
{
	struct buf err = { 0 };
	rdns_ask_fn *was = rdns_ask;
	struct step *s;

	server.asked = server.most = 0;
	rdns_ask = answer;
	s = made(step_rdns("ip", "name", timeout, ttl, &err), &err);
	rdns_ask = was;
	return s;
}

static void
add_ips(struct test_lines *tb, int second, int n)
{
	for (int i = 0; i < n; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"ip\":\"10.%d.%d.%d\"}", second, i / 250, i % 250);
		add(tb, text);
	}
}

TEST(RdnsNamesAddresses)
{
	struct test_lines tb;
	struct step *s = rdns(60 * WEFT_SECOND, 0);

	test_lines_init(&tb);
	add_ips(&tb, 1, 100);
	add_ips(&tb, 1, 100);		/* the same ones: nobody is asked twice */
	add_ips(&tb, 8, 1);		/* has no name, and that is an answer */
	add_ips(&tb, 8, 1);
	add(&tb, "{\"ip\":\"no address\"}");
	add(&tb, "{}");
	for (int round = 0; round < 2; round++) {
		s->run(s, tb.s, tb.b);
		CHECK_STR(added(&tb, &tb.b->lines[7]), "name=host-0-7.example");
		CHECK_STR(added(&tb, &tb.b->lines[107]), "name=host-0-7.example");
		CHECK_STR(added(&tb, &tb.b->lines[200]), "");
		CHECK_EQ(server.asked, 101);
		CHECK_EQ(s->failed, round + 1);
	}
	CHECK(server.most <= 16);
	step_free(s);
	test_lines_finish(&tb);
}

/* The batch's one deadline ends it, however many addresses wait; the answers come later. */
TEST(RdnsGivesUpInTime)
{
	struct test_lines tb;
	struct step *s = rdns(WEFT_SECOND / 50, 0);

	test_lines_init(&tb);
	add_ips(&tb, 9, 200);
	add_ips(&tb, 1, 1);
	sem_init(&server.gate, 0, 0);
	s->run(s, tb.s, tb.b);
	CHECK(s->failed >= 200);
	CHECK_STR(added(&tb, &tb.b->lines[0]), "");
	CHECK_EQ(server.most, 16);
	CHECK_EQ(s->out, 201);
	for (int i = 0; i < 16; i++)
		sem_post(&server.gate);
	step_free(s);			/* waits for those that are out */
	CHECK_EQ(server.out, 0);
	test_lines_finish(&tb);
}

/* A name server that only fails is left alone for a while. */
TEST(RdnsStopsAskingWhatOnlyFails)
{
	struct test_lines tb;
	struct step *s = rdns(60 * WEFT_SECOND, 0);

	test_lines_init(&tb);
	add_ips(&tb, 7, 200);
	s->run(s, tb.s, tb.b);
	CHECK_EQ(s->failed, 200);
	CHECK(server.asked >= 8 && server.asked < 8 + 16);
	CHECK_STR(added(&tb, &tb.b->lines[0]), "");
	step_free(s);
	test_lines_finish(&tb);
}

static void
name_them(struct step *s)
{
	struct test_lines tb;

	test_lines_init(&tb);
	add_ips(&tb, 1, 50);
	s->run(s, tb.s, tb.b);
	for (int i = 0; i < 50; i++)
		CHECK(strstr(added(&tb, &tb.b->lines[i]), "name=host-") != NULL);
	test_lines_finish(&tb);
}

TEST(RdnsOfManyWorkersAsksOnce)
{
	struct step *s = rdns(60 * WEFT_SECOND, 0);
	weft_waitgroup wg = { 0 };

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, name_them, s);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(server.asked, 50);
	CHECK_EQ(s->failed, 0);
	CHECK_EQ(s->out, 400);
	step_free(s);
}
