/* flaky.c - tests for what gotestsum makes of them; see tools/check-gotestsum */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../weft/testing.h"

static void steady(weft_t *t)
{
	(void)t;
}

/* Fails in the first process only. */
static void flaky(weft_t *t)
{
	const char *dir = getenv("TMPDIR");
	char path[256];
	int fd;

	(void)t;
	snprintf(path, sizeof path, "%s/flaky", dir ? dir : "/tmp");
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0666);
	CHECK(fd < 0);
	if (fd >= 0)
		close(fd);
}

TEST(Flaky)
{
	weft_run(t, "steady", steady);
	weft_run(t, "flaky", flaky);
}

/* What goes to standard error belongs to the test, and is no error of the tool's. */
TEST(Noisy)
{
	fprintf(stderr, "one line on stderr\n");
	printf("{\"Action\":\"pass\"}\n");
	fflush(stdout);
	fprintf(stderr, "half a line on stderr");
	CHECK(!t);
}
