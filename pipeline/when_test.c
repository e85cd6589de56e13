/* when_test.c - times, in every shape, around every corner; and what is none */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "when.h"
#include "weft/testing.h"

#define S INT64_C(1000000000)

/* 2026-11-25T18:31:51Z */
static const int64_t now = 1795631511 * S;

/* What it says, in UTC to the nanosecond, or "no". */
static const char *
read_time(struct when *w, char out[40], const char *text, int64_t at)
{
	int64_t ns;
	size_t n;

	if (!when_parse(w, text, strlen(text), at, &ns))
		return "no";
	n = when_rfc3339(w, ns, ns % S ? 9 : 0, out);
	out[n] = '\0';
	return out;
}

struct pair { const char *text, *want; };

static void
check_pairs(const struct pair *p, size_t n, int64_t at)
{
	struct when fresh, used = { 0 };
	char out[40];

	for (size_t i = 0; i < n; i++) {
		fresh = (struct when){ 0 };
		weft_logf("%s", p[i].text);
		CHECK_STR(read_time(&fresh, out, p[i].text, at), p[i].want);
		/* again, from memory */
		CHECK_STR(read_time(&fresh, out, p[i].text, at), p[i].want);
		/* and whatever was read before */
		CHECK_STR(read_time(&used, out, p[i].text, at), p[i].want);
	}
}
#define CHECK_PAIRS(p, at) check_pairs(p, sizeof(p) / sizeof((p)[0]), at)

TEST(TimesWithAZone)
{
	static const struct pair pairs[] = {
		{ "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z" },
		{ "2024-01-02t03:04:05z", "2024-01-02T03:04:05Z" },
		{ "2024-01-02 03:04:05Z", "2024-01-02T03:04:05Z" },
		{ "2024-01-02  03:04:05 UTC", "2024-01-02T03:04:05Z" },
		{ "2024/01/02 03:04:05 GMT", "2024-01-02T03:04:05Z" },
		{ "2024-01-02T03:04:05+01:00", "2024-01-02T02:04:05Z" },
		{ "2024-01-02T03:04:05+0100", "2024-01-02T02:04:05Z" },
		{ "2024-01-02T03:04:05+01", "2024-01-02T02:04:05Z" },
		{ "2024-01-02T03:04:05 -0330", "2024-01-02T06:34:05Z" },
		{ "2024-01-01T00:30:00+05:45", "2023-12-31T18:45:00Z" },
		{ "2024-01-02T03:04:05-00:00", "2024-01-02T03:04:05Z" },
		{ "02/Jan/2024:03:04:05 +0100", "2024-01-02T02:04:05Z" },
		{ "2/Jan/2024:03:04:05 +0000", "2024-01-02T03:04:05Z" },
		{ "Tue, 02 Jan 2024 03:04:05 GMT", "2024-01-02T03:04:05Z" },
		{ "02 Jan 2024 03:04:05 +0000", "2024-01-02T03:04:05Z" },
		{ "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z" },
		{ "1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000000Z" },
		{ "1678-01-01T00:00:00Z", "1678-01-01T00:00:00Z" },
		{ "2261-12-31T23:59:59.999999999Z", "2261-12-31T23:59:59.999999999Z" },
	};
	CHECK_PAIRS(pairs, now);
}

TEST(TimesWithFractions)
{
	static const struct pair pairs[] = {
		{ "2024-01-02T03:04:05.1Z", "2024-01-02T03:04:05.100000000Z" },
		{ "2024-01-02T03:04:05.12Z", "2024-01-02T03:04:05.120000000Z" },
		{ "2024-01-02T03:04:05,123Z", "2024-01-02T03:04:05.123000000Z" },
		{ "2024-01-02T03:04:05.1234Z", "2024-01-02T03:04:05.123400000Z" },
		{ "2024-01-02T03:04:05.12345Z", "2024-01-02T03:04:05.123450000Z" },
		{ "2024-01-02T03:04:05.123456+02:00", "2024-01-02T01:04:05.123456000Z" },
		{ "2024-01-02T03:04:05.1234567Z", "2024-01-02T03:04:05.123456700Z" },
		{ "2024-01-02T03:04:05.12345678Z", "2024-01-02T03:04:05.123456780Z" },
		{ "2024-01-02T03:04:05.123456789Z", "2024-01-02T03:04:05.123456789Z" },
		{ "2024-01-02T03:04:05.123456789999Z", "2024-01-02T03:04:05.123456789Z" },
		{ "2024-01-02T03:04:05.000Z", "2024-01-02T03:04:05Z" },
	};
	CHECK_PAIRS(pairs, now);
}

TEST(TimesSince1970)
{
	static const struct pair pairs[] = {
		{ "0", "1970-01-01T00:00:00Z" },
		{ "1795631511", "2026-11-25T18:31:51Z" },
		{ "1795631511.25", "2026-11-25T18:31:51.250000000Z" },
		{ "1795631511123", "2026-11-25T18:31:51.123000000Z" },
		{ "1795631511123.5", "2026-11-25T18:31:51.123500000Z" },
		{ "1795631511123456", "2026-11-25T18:31:51.123456000Z" },
		{ "1795631511123456789", "2026-11-25T18:31:51.123456789Z" },
		{ "99999999999", "no" },
		{ "9223372036854775807", "2262-04-11T23:47:16.854775807Z" },
		{ "9223372036854775808", "no" },
		{ "99999999999999999999", "no" },
		{ "1795631511.", "no" },
		{ "-1", "no" },
	};
	CHECK_PAIRS(pairs, now);
}

TEST(TimesThatAreNone)
{
	static const char *const texts[] = {
		"", "x", "2024-01-02", "2024-01-02T", "2024-01-02T25:61:00Z",
		    "2024-01-02T24:00:00Z",
		"2024-01-02T03:60:00Z", "2024-01-02T03:04:61Z", "2024-13-02T03:04:05Z",
		"2024-00-02T03:04:05Z", "2024-01-00T03:04:05Z", "2024-01-32T03:04:05Z",
		"2023-02-29T03:04:05Z", "2100-02-29T03:04:05Z", "2024-04-31T03:04:05Z",
		"1677-01-01T00:00:00Z", "2262-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
		"2024-1-2T03:04:05Z", "2024-01-02T3:04:05Z", "2024-01-02T03:04Z",
		"2024-01-02T03:04:05Zx", "2024-01-02T03:04:05+1", "2024-01-02T03:04:05+01:",
		"2024-01-02T03:04:05+01:0", "2024-01-02T03:04:05+24:00",
		    "2024-01-02T03:04:05+01:60",
		"2024-01-02T03:04:05 ", "2024-01-02T03:04:05.", "2024-01-02T03:04:05.Z",
		"2024-01-02T03:04:055Z", "2024-01-02T03:04:05 CET", "Jan 32 03:04:05",
		"Jam  2 03:04:05", "Jan  2 3:04:05", "Feb 30 03:04:05",
		    "32/Jan/2024:03:04:05 +0000",
		"02/Jam/2024:03:04:05 +0000", "02/Jan/24:03:04:05 +0000", "Mon, ", "Mon", "Jan",
		"Jan  ", "Jan  2", "2024-", "\1", "now", "12:34:56",
	};
	struct when w = { 0 };
	char out[40];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		weft_logf("%s", texts[i]);
		CHECK_STR(read_time(&w, out, texts[i], now), "no");
	}
}

/* A time that is fine does not make the next one fine. */
TEST(TimesRememberedAreNotMixedUp)
{
	static const struct pair pairs[] = {
		{ "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z" },
		{ "2024-01-02T03:04:05+01:00", "2024-01-02T02:04:05Z" },
		{ "2024-01-02T03:04:056Z", "no" },
		{ "2024-01-02T03:04:05X", "no" },
		{ "2024-01-02T03:04:05.5Z", "2024-01-02T03:04:05.500000000Z" },
		{ "2024-01-02T03:04:06Z", "2024-01-02T03:04:06Z" },
		{ "2024-01-02T03:04:0", "no" },
		{ "2024-01-02T03:04:06Z", "2024-01-02T03:04:06Z" },
	};
	CHECK_PAIRS(pairs, now);
}

static void
with_zone(const char *tz, const struct pair *p, size_t n, int64_t at)
{
	char *old = getenv("TZ");

	old = old ? strdup(old) : NULL;
	setenv("TZ", tz, 1);
	tzset();
	check_pairs(p, n, at);
	if (old)
		setenv("TZ", old, 1);
	else
		unsetenv("TZ");
	tzset();
	free(old);
}
#define WITH_ZONE(tz, p, at) with_zone(tz, p, sizeof(p) / sizeof((p)[0]), at)

TEST(TimesWithoutAYearAreNearToNow)
{
	static const struct pair new_year[] = {
		{ "Dec 31 23:59:59", "2026-12-31T23:59:59Z" },
		{ "Jan  1 00:00:01", "2027-01-01T00:00:01Z" },
		{ "Jan 01 00:00:01", "2027-01-01T00:00:01Z" },
		{ "Jul 10 00:00:00", "2026-07-10T00:00:00Z" },
		{ "Jun 25 00:00:00", "2027-06-25T00:00:00Z" },
		{ "Jan  1 00:00:01.25", "2027-01-01T00:00:01.250000000Z" },
		{ "Jan  1 00:00:01 +0100", "2026-12-31T23:00:01Z" },
		{ "0101 00:00:01.250000", "2027-01-01T00:00:01.250000000Z" },
		{ "1231 23:59:59", "2026-12-31T23:59:59Z" },
		{ "1331 23:59:59", "no" },
	};
	static const struct pair leap[] = {
		{ "Feb 29 12:00:00", "2028-02-29T12:00:00Z" },
		{ "Feb 28 12:00:00", "2027-02-28T12:00:00Z" },
	};
	/* 2027-01-01 00:00:00, and a second before */
	WITH_ZONE("UTC0", new_year, 1798761600 * S);
	WITH_ZONE("UTC0", new_year, 1798761599 * S);
	WITH_ZONE("UTC0", leap, 1798761600 * S);
}

TEST(TimesOfSyslogAreReadAnewWhenTheYearTurns)
{
	struct when w = { 0 };
	char out[40];

	CHECK_STR(read_time(&w, out, "Jan  1 00:00:01 Z", 1798761600 * S), "2027-01-01T00:00:01Z");
	CHECK_STR(read_time(&w, out, "Jan  1 00:00:01 Z", (1798761600 - 31536000) * S),
	    "2026-01-01T00:00:01Z");
}

TEST(TimesWithTheYearSomewhere)
{
	static const struct pair pairs[] = {
		{ "Jan  2 2024 03:04:05", "2024-01-02T03:04:05Z" },
		{ "Tue Jan  2 03:04:05 2024", "2024-01-02T03:04:05Z" },
		{ "Tue Jan 02 03:04:05.678901 2024", "2024-01-02T03:04:05.678901000Z" },
		{ "Tue Jan 02 03:04:05.678901 2023", "2023-01-02T03:04:05.678901000Z" },
		{ "Jan  2 03:04:05", "2027-01-02T03:04:05Z" },
		{ "Jan  2 03:04:05 2020", "2020-01-02T03:04:05Z" },
		{ "Jan  2 03:04:05 2021", "2021-01-02T03:04:05Z" },
		{ "Feb 29 03:04:05 2023", "no" },
	};
	WITH_ZONE("UTC0", pairs, now);
}

TEST(TimesWithoutAZoneAreLocal)
{
	/* in: last Sunday of March, 2:00; out: last Sunday of October, 3:00 */
	static const struct pair berlin[] = {
		{ "2024-01-02 03:04:05", "2024-01-02T02:04:05Z" },
		{ "2024-07-02 03:04:05", "2024-07-02T01:04:05Z" },
		{ "2024-03-31 01:59:59", "2024-03-31T00:59:59Z" },
		{ "2024-03-31 03:00:00", "2024-03-31T01:00:00Z" },
		{ "2024-10-27 01:59:59", "2024-10-26T23:59:59Z" },
		{ "2024-10-27 02:30:00", "2024-10-27T00:30:00Z" },
		{ "2024-10-27 03:00:00", "2024-10-27T02:00:00Z" },
		{ "2024-07-02T03:04:05.5", "2024-07-02T01:04:05.500000000Z" },
	};
	static const struct pair kathmandu[] = {
		{ "2024-01-02 03:04:05", "2024-01-01T21:19:05Z" },
	};
	WITH_ZONE("CET-1CEST,M3.5.0,M10.5.0/3", berlin, now);
	WITH_ZONE("<+0545>-5:45", kathmandu, now);
}

TEST(TimesAgreeWithTheCLibrary)
{
	struct when w = { 0 };
	char out[40], want[40];
	struct tm tm;

	for (int64_t at = -9000000000; at < 9200000000; at += 86400 * 13 + 12345) {
		time_t s = at;
		int64_t back;

		out[when_rfc3339(&w, at * S, 0, out)] = '\0';
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&s, &tm));
		CHECK_STR(out, want);
		REQUIRE(when_parse(&w, want, strlen(want), now, &back));
		CHECK(back == at * S);
	}
}

TEST(TimesAreWrittenWithSomeDigits)
{
	struct when w = { 0 };
	char out[40];

	out[when_rfc3339(&w, now + 7, 0, out)] = '\0';
	CHECK_STR(out, "2026-11-25T18:31:51Z");
	out[when_rfc3339(&w, now + 123456789, 3, out)] = '\0';
	CHECK_STR(out, "2026-11-25T18:31:51.123Z");
	out[when_rfc3339(&w, now + 123456789, 6, out)] = '\0';
	CHECK_STR(out, "2026-11-25T18:31:51.123456Z");
	out[when_rfc3339(&w, now + 7, 9, out)] = '\0';
	CHECK_STR(out, "2026-11-25T18:31:51.000000007Z");
	out[when_rfc3339(&w, -1, 9, out)] = '\0';
	CHECK_STR(out, "1969-12-31T23:59:59.999999999Z");
	out[when_rfc3339(&w, 0, 0, out)] = '\0';
	CHECK_STR(out, "1970-01-01T00:00:00Z");
}

static void
bench_parse(weft_b *b, const char *text)
{
	struct when w = { 0 };
	size_t len = strlen(text);
	int64_t ns;

	while (weft_loop(b))
		if (!when_parse(&w, text, len, now, &ns))
			abort();
}

BENCH(WhenParseIso) { bench_parse(b, "2024-01-02T03:04:05.123Z"); }
BENCH(WhenParseLocal) { bench_parse(b, "2024-01-02 03:04:05"); }
BENCH(WhenParseBsd) { bench_parse(b, "Jan  2 03:04:05"); }
BENCH(WhenParseClf) { bench_parse(b, "02/Jan/2024:03:04:05 +0000"); }
BENCH(WhenParseUnix) { bench_parse(b, "1795631511.123456"); }

BENCH(WhenParseNew)
{
	static const char *const texts[2] = { "2024-01-02T03:04:05.123Z",
	    "2024-01-02T03:04:06.123Z" };
	struct when w = { 0 };
	int64_t ns, i = 0;

	while (weft_loop(b))
		if (!when_parse(&w, texts[i++ & 1], 24, now, &ns))
			abort();
}

BENCH(WhenWrite)
{
	struct when w = { 0 };
	char out[40];

	while (weft_loop(b))
		when_rfc3339(&w, now, 9, out);
}
