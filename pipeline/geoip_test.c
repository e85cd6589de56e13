/* geoip_test.c - where addresses are, by a database that is made here */
#include <stdlib.h>

#include "step_impl.h"
#include "testfiles.h"
#include "testlines.h"
#include "teststeps.h"

/*
 * A database: a tree of 24-bit records, 16 zeros, values, and what there is to say about them.
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

TEST(DamagedDatabasesAreFailures)
{
	static const uint8_t nine[1] = { 9 }, eight[1] = { 8 };
	struct mmdb m = { .n = 1, .tree = { { NOTHING, NOTHING } } };
	struct test_lines tb;
	struct buf err = { 0 };
	char path[512];
	struct step *s;
	struct line *a, *b;

	mm_network(&m.values);
	mm_insert(&m, nine, 8, VALUE | 100000);	/* far behind the end */
	mm_insert(&m, eight, 8, VALUE);
	mm_write(&m, 4, "bad.mmdb");
	buf_finish(&m.values);
	s = made(step_geoip(path_of(path, "bad.mmdb"), "ip", NULL, &err), &err);
	test_lines_init(&tb);
	a = add(&tb, "{\"ip\":\"9.9.9.9\"}");
	b = add(&tb, "{\"ip\":\"8.8.8.8\"}");
	s->strict = true;
	s->run(s, tb.s, tb.b);
	CHECK_STR(a->error, "geoip: the database is damaged");
	CHECK_EQ(a->fate, DEAD);
	CHECK_STR(added(&tb, b), "geoip.asn:64512 geoip.org=Example Net");
	CHECK_EQ(b->fate, KEPT);
	step_free(s);
	test_lines_finish(&tb);
}
