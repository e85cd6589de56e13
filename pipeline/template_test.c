/* template_test.c - names with times and sources in them */
#include "template.h"

#include <stdlib.h>
#include <time.h>

#include "weft/testing.h"

#define NS	(INT64_C(1700000000) * WEFT_SECOND)	/* 2023-11-14 22:13:20 UTC */

static const char *
expanded(struct buf *out, const char *text, int style, const char *source, const char *host)
{
	struct template t;
	struct buf err = { 0 };

	out->len = 0;
	if (template_init(&t, text, style, &err) == 0) {
		template_expand(&t, out, NS, source, host);
		template_finish(&t);
	} else {
		buf_add(out, err.data, err.len);
	}
	buf_finish(&err);
	return buf_str(out);
}

TEST(TemplateHasLocalTime)
{
	struct buf out = { 0 };
	time_t second = NS / WEFT_SECOND;
	struct tm tm;
	char want[64];

	localtime_r(&second, &tm);
	strftime(want, sizeof(want), "/d/%Y-%m-%d/%H%M%%", &tm);
	CHECK_STR(expanded(&out, "/d/%Y-%m-%d/%H%M%%", TEMPLATE_PATH, "s", "h"), want);
	CHECK_EQ(template_offset(NS), tm.tm_gmtoff);
	buf_finish(&out);
}

static const struct { int style; const char *source, *want; } names[] = {
	{ TEMPLATE_PATH, "web", "a/web-h" },
	{ TEMPLATE_PATH, "../../etc/passwd", "a/______etc_passwd-h" },
	{ TEMPLATE_PATH, "..", "a/__-h" },
	{ TEMPLATE_PATH, ".x.y", "a/_x.y-h" },
	{ TEMPLATE_PATH, "a b\nc", "a/a_b_c-h" },
	{ TEMPLATE_PATH, "", "a/_-h" },
	{ TEMPLATE_PATH, NULL, "a/_-h" },
	{ TEMPLATE_INDEX, "_Web/1", "a/xweb_1-h" },
	{ TEMPLATE_AS_IS, "../x", "a/../x-h" },
};

TEST(TemplateKeepsNamesFromLogsInside)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_STR(expanded(&out, "a/{source}-{host}", names[i].style, names[i].source, "h"),
		    names[i].want);
	buf_finish(&out);
}

TEST(TemplateSaysWhatItDoesNotKnow)
{
	struct buf out = { 0 };

	CHECK_STR(expanded(&out, "a%q", 0, "", ""),
	    "a%q: %q is unknown; there are %Y %m %d %H %M and %%");
	CHECK_STR(expanded(&out, "a%", 0, "", ""), "a%: ends in a single %; write %%");
	CHECK_STR(expanded(&out, "{stream}.log", 0, "", ""),
	    "{stream}.log: {stream} is unknown; there are {source} and {host}");
	buf_finish(&out);
}

TEST(TemplateReadsTheEnvironment)
{
	struct buf out = { 0 }, err = { 0 };

	setenv("WEFT_TEMPLATE_TEST", "secret", 1);
	CHECK_EQ(template_environment(&out, "Bearer ${WEFT_TEMPLATE_TEST}! $x ${", &err), 0);
	CHECK_STR(buf_str(&out), "Bearer secret! $x ${");
	unsetenv("WEFT_TEMPLATE_TEST");
	CHECK_EQ(template_environment(&out, "${WEFT_TEMPLATE_TEST}", &err), -EINVAL);
	CHECK_STR(buf_str(&err),
	    "${WEFT_TEMPLATE_TEST}: there is no such variable in the environment");
	buf_finish(&out);
	buf_finish(&err);
}
