/*
 * sibling.c - -race: the same tests in the build under ThreadSanitizer
 *
 * It is looked for where ours would be if it were that one (build/race/x.test for
 * build/plain/x.test), and beside ours, as x.test-race.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

/* path with the last /plain/ in it replaced; NULL: there is none. */
static char *in_race(const char *path)
{
	const char *at = NULL;
	struct buf b = {0};

	for (const char *s = path; (s = strstr(s, "/plain/")); s++)
		at = s;
	if (!at)
		return NULL;
	buf_add(&b, path, (size_t)(at - path));
	buf_printf(&b, "/race/%s", at + strlen("/plain/"));
	buf_str(&b);
	return b.data;
}

static bool is_race_flag(const char *s)
{
	if (*s++ != '-')
		return false;
	s += *s == '-';
	if (strncmp(s, "test.", 5) == 0)
		s += 5;
	return strcmp(s, "race") == 0 || strncmp(s, "race=", 5) == 0;
}

int run_other_build(char **argv)
{
	char self[4096] = "", beside[4200], *other, **to = argv;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	harness.finished = true;
	for (char **from = argv; *from; from++)
		if (from == argv || !is_race_flag(*from))
			*to++ = *from;
	*to = NULL;
	other = n > 0 ? in_race(self) : NULL;
	if (other)
		execv(other, argv);
	snprintf(beside, sizeof beside, "%s-race", self);
	execv(beside, argv);
	fprintf(stderr, "%s: -race: there is no %s%s%s; build it with clang and what "
	    "pkg-config --cflags --libs weft-testing-race says\n", harness.package,
	    other ? other : "", other ? ", and no " : "", beside);
	return 2;
}
