/* outname_test.c - names with times and sources in them */
#include "outname.h"

#include <stdlib.h>
#include <time.h>

#include "weft/testing.h"

#define NS	(INT64_C(1700000000) * WEFT_SECOND)	/* 2023-11-14 22:13:20 UTC */

static const char *
expanded(struct buf *out, const char *text, int style, const char *source, const char *host)
{
	struct outname t;
	struct buf err = { 0 };

	out->len = 0;
	if (outname_init(&t, text, style, &err) == 0) {
		outname_expand(&t, out, NS, source, host);
		outname_finish(&t);
	} else {
		buf_add(out, err.data, err.len);
	}
	buf_finish(&err);
	return buf_str(out);
}

TEST(OutnameHasLocalTime)
{
	struct buf out = { 0 };
	time_t second = NS / WEFT_SECOND;
	struct tm tm;
	char want[64];

	localtime_r(&second, &tm);
	strftime(want, sizeof(want), "/d/%Y-%m-%d/%H%M%%", &tm);
	CHECK_STR(expanded(&out, "/d/%Y-%m-%d/%H%M%%", OUTNAME_PATH, "s", "h"), want);
	CHECK_EQ(outname_offset(NS), tm.tm_gmtoff);
	buf_finish(&out);
}

static const struct { int style; const char *source, *want; } names[] = {
	{ OUTNAME_PATH, "web", "a/web-h" },
	{ OUTNAME_PATH, "../../etc/passwd", "a/______etc_passwd-h" },
	{ OUTNAME_PATH, "..", "a/__-h" },
	{ OUTNAME_PATH, ".x.y", "a/_x.y-h" },
	{ OUTNAME_PATH, "a b\nc", "a/a_b_c-h" },
	{ OUTNAME_PATH, "", "a/_-h" },
	{ OUTNAME_PATH, NULL, "a/_-h" },
	{ OUTNAME_INDEX, "_Web/1", "a/xweb_1-h" },
	{ OUTNAME_AS_IS, "../x", "a/../x-h" },
};

TEST(OutnameKeepsNamesFromLogsInside)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_STR(expanded(&out, "a/{source}-{host}", names[i].style, names[i].source, "h"),
		    names[i].want);
	buf_finish(&out);
}

TEST(OutnameSaysWhatItDoesNotKnow)
{
	struct buf out = { 0 };

	CHECK_STR(expanded(&out, "a%q", 0, "", ""),
	    "a%q: %q is unknown; there are %Y %m %d %H %M and %%");
	CHECK_STR(expanded(&out, "a%", 0, "", ""), "a%: ends in a single %; write %%");
	CHECK_STR(expanded(&out, "{stream}.log", 0, "", ""),
	    "{stream}.log: {stream} is unknown; there are {source} and {host}");
	buf_finish(&out);
}

TEST(OutnameReadsTheEnvironment)
{
	struct buf out = { 0 }, err = { 0 };

	setenv("WEFT_OUTNAME_TEST", "secret", 1);
	CHECK_EQ(outname_environment(&out, "Bearer ${WEFT_OUTNAME_TEST}! $x ${", &err), 0);
	CHECK_STR(buf_str(&out), "Bearer secret! $x ${");
	unsetenv("WEFT_OUTNAME_TEST");
	CHECK_EQ(outname_environment(&out, "${WEFT_OUTNAME_TEST}", &err), -EINVAL);
	CHECK_STR(buf_str(&err),
	    "${WEFT_OUTNAME_TEST}: there is no such variable in the environment");
	buf_finish(&out);
	buf_finish(&err);
}
