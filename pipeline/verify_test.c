/* verify_test.c - the generator is deterministic, and the verifier finds what is wrong */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen.h"
#include "pipeline.h"
#include "weft/testing.h"

#define LINES 50

/* Generated lines, NUL-terminated. */
static char *
generated(int format, uint64_t seed)
{
	struct weft_gen_options o = { .lines = LINES, .seed = seed, .source = 3, .format = format };
	char path[512], *text;
	off_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/gen", weft_tempdir());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	REQUIRE(fd >= 0);
	CHECK_EQ(weft_gen(&o, fd), 0);
	len = lseek(fd, 0, SEEK_END);
	text = malloc(len + 1);
	CHECK_EQ(pread(fd, text, len, 0), len);
	text[len] = '\0';
	close(fd);
	return text;
}

static struct weft_verify_counts
verify(const char *text, size_t len, int level, char findings[4096])
{
	weft_verify *v = weft_verify_new(level);
	struct weft_verify_counts c;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/verify", weft_tempdir());
	f = fopen(path, "w");
	REQUIRE(f != NULL);
	CHECK_EQ(fwrite(text, 1, len, f), len);
	fclose(f);
	CHECK_EQ(weft_verify_file(v, path), 0);
	weft_verify_end(v, &c, findings, 4096);
	weft_verify_free(v);
	return c;
}

static char *
line_start(char *text, int n)
{
	while (n-- > 0)
		text = strchr(text, '\n') + 1;
	return text;
}

TEST(GenIsDeterministic)
{
	for (int format = 0; format <= WEFT_GEN_SYSLOG5424; format++) {
		char *a = generated(format, 42), *b = generated(format, 42);
		char *c = generated(format, 43);

		CHECK_STR(a, b);
		CHECK(strcmp(a, c) != 0);
		free(a);
		free(b);
		free(c);
	}
}

TEST(GenMakesLinesAsLongAsIsAsked)
{
	struct weft_gen_options o = { .lines = LINES, .seed = 7, .source = 1,
	    .format = WEFT_GEN_PLAIN, .pad = 200 };
	char text[200 * LINES + 1], path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/padded", weft_tempdir());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	REQUIRE(fd >= 0);
	CHECK_EQ(weft_gen(&o, fd), 0);
	CHECK_EQ(pread(fd, text, sizeof(text), 0), 200 * LINES);
	for (int i = 1; i <= LINES; i++)
		CHECK_EQ((char *)memrchr(text, '\n', 200 * i) - text, 200 * i - 1);
	close(fd);
}

TEST(ChecksumIsCrc32c)
{
	CHECK_EQ(gen_checksum("123456789", 9), 0xe3069283);
}

TEST(VerifyIsContentWithAllLines)
{
	char *text = generated(WEFT_GEN_MIX, 42), findings[4096];
	struct weft_verify_counts c = verify(text, strlen(text), WEFT_LEVEL_TRACE, findings);

	CHECK_EQ(c.lines, LINES);
	CHECK_EQ(c.lost + c.doubled + c.torn + c.disorder + c.other, 0);
	CHECK_STR(findings, "");
	free(text);
}

TEST(VerifyKnowsEveryFormat)
{
	for (int format = 0; format <= WEFT_GEN_SYSLOG5424; format++) {
		char *text = generated(format, 5), findings[4096];
		struct weft_verify_counts c = verify(text, strlen(text), WEFT_LEVEL_TRACE,
		    findings);

		CHECK_EQ(c.lines, LINES);
		CHECK_EQ(c.lost + c.doubled + c.torn + c.disorder, 0);
		CHECK((c.other > 0) == (format == WEFT_GEN_CRI || format == WEFT_GEN_STACK));
		free(text);
	}
}

TEST(VerifyNamesALostLine)
{
	char *text = generated(WEFT_GEN_JSON, 42), findings[4096];
	char *from = line_start(text, 9), *to = line_start(text, 10);
	struct weft_verify_counts c;

	memmove(from, to, strlen(to) + 1);
	c = verify(text, strlen(text), WEFT_LEVEL_TRACE, findings);
	CHECK_EQ(c.lost, 1);
	CHECK(strstr(findings, "source 3: line 10 of 50") != NULL);
	free(text);
}

TEST(VerifyNamesALineThatIsThereTwice)
{
	char *text = generated(WEFT_GEN_JSON, 42), findings[4096];
	size_t len = strlen(text), from = line_start(text, LINES - 1) - text;
	struct weft_verify_counts c;

	text = realloc(text, 2 * len);
	memcpy(text + len, text + from, len - from);
	text[2 * len - from] = '\0';
	c = verify(text, strlen(text) - 1, WEFT_LEVEL_TRACE, findings);	/* no newline */
	CHECK_EQ(c.lines, LINES + 1);
	CHECK_EQ(c.doubled, 1);
	CHECK_EQ(c.lost, 0);
	CHECK(strstr(findings, "verify:51: line 50 of source 3 again") != NULL);
	free(text);
}

TEST(VerifySeesTornLinesAndOthers)
{
	char *text = generated(WEFT_GEN_JSON, 42), findings[4096];
	struct weft_verify_counts c;

	strstr(line_start(text, 4), "user")[0] = 'U';
	memcpy(line_start(text, 7), "\n\n", 2);
	*strstr(line_start(text, 9), "<<") = '\n';
	c = verify(text, strlen(text), WEFT_LEVEL_TRACE, findings);
	CHECK_EQ(c.torn, 2);
	CHECK_EQ(c.lost, 2);
	CHECK_EQ(c.other, 3);
	free(text);
}

TEST(VerifyKnowsWhatAFilterTakesOut)
{
	char *text = generated(WEFT_GEN_JSON, 42), *kept = calloc(1, strlen(text) + 1);
	char findings[4096];
	struct weft_verify_counts c;

	for (int i = 0; i < LINES; i++)
		if (gen_level(42, 3, i + 1) >= WEFT_LEVEL_INFO)
			strncat(kept, line_start(text, i), line_start(text, i + 1) -
			    line_start(text, i));
	c = verify(kept, strlen(kept), WEFT_LEVEL_INFO, findings);
	CHECK(c.lines > 0 && c.lines < LINES);
	CHECK_EQ(c.lost, 0);
	c = verify(kept, strlen(kept), WEFT_LEVEL_TRACE, findings);
	CHECK_EQ(c.lost, LINES - c.lines);
	free(text);
	free(kept);
}
