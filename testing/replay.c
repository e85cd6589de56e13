/*
 * replay.c - .schedule files
 *
 *	weft-schedule 1
 *	test TestTwoLocks
 *	seed 0x2008000000000039
 *	1x3 4 3x2 ...
 *
 * The last lines are the goroutines chosen, in order, with how often in a row.  The seed is
 * for everything else that is drawn: ready cases of a select, weft_choose, the network.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "schedule.h"

bool replay_write(const char *path, const char *test, uint64_t seed, const struct choices *list)
{
	FILE *f = fopen(path, "we");
	int err = 0, column = 0;

	if (!f)
		return false;
	fprintf(f, "weft-schedule 1\ntest %s\nseed %#jx\n", test, (uintmax_t)seed);
	for (size_t i = 0, n; i < list->n; i += n) {
		for (n = 1; i + n < list->n && list->at[i + n].id == list->at[i].id; n++)
			;
		if (column > 70) {
			fputc('\n', f);
			column = 0;
		}
		column += fprintf(f, "%s%jd", column ? " " : "", (intmax_t)list->at[i].id);
		if (n > 1)
			column += fprintf(f, "x%zu", n);
	}
	fputc('\n', f);
	err = ferror(f);
	return fclose(f) == 0 && !err;
}

/* One word of the list.  False: it is none. */
static bool add_run(struct choices *list, const char *word)
{
	enum { MOST = 10000000 };
	char *end;
	long long id = strtoll(word, &end, 10), n = 1;

	if (!isdigit((unsigned char)*word) || id < 1)
		return false;
	if (*end == 'x' && isdigit((unsigned char)end[1]))
		n = strtoll(end + 1, &end, 10);
	if (*end || n < 1 || n > MOST - (long long)list->n)
		return false;
	while (n--)
		choices_add(list, (struct choice){ .id = id });
	return true;
}

static bool read_list(char *line, struct choices *list, const char **bad)
{
	for (char *word; (word = strtok_r(line, " \t\n", &line)); )
		if (!add_run(list, word)) {
			*bad = word;
			return false;
		}
	return true;
}

/* What a line wants to be, by its number; returns what is wrong with it, or NULL. */
static const char *read_line(struct replay *r, int number, char *line)
{
	static char wrong[128];
	const char *bad;
	char *end;

	line[strcspn(line, "\n")] = '\0';
	switch (number) {
	case 1:
		return strcmp(line, "weft-schedule 1") == 0 ? NULL :
		    "it should be \"weft-schedule 1\"";
	case 2:
		if (strncmp(line, "test ", 5) != 0 || !line[5])
			return "it should be \"test \" and a name";
		r->test = xstrdup(line + 5);
		return NULL;
	case 3:
		if (strncmp(line, "seed ", 5) != 0)
			return "it should be \"seed \" and a number";
		r->seed = strtoull(line + 5, &end, 0);
		return *end || end == line + 5 ? "the seed is not a number" : NULL;
	}
	if (read_list(line, &r->choices, &bad))
		return NULL;
	snprintf(wrong, sizeof wrong, "\"%.40s\" is not a goroutine's number, like 7 or 7x3", bad);
	return wrong;
}

bool replay_read(const char *path, struct replay *r, struct buf *error)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	const char *wrong = NULL;
	char *line = NULL;
	size_t room = 0;
	int number = 0;

	*r = (struct replay){0};
	if (!f) {
		buf_printf(error, "cannot read %s: %s", path, strerror(errno));
		return false;
	}
	if (!fstat(fileno(f), &st) && !S_ISREG(st.st_mode)) {	/* it may have no end */
		buf_printf(error, "cannot read %s: not a regular file", path);
		fclose(f);
		return false;
	}
	while (!wrong && getline(&line, &room, f) >= 0)
		wrong = read_line(r, ++number, line);
	if (!wrong && number < 3) {
		number++;
		wrong = "the file ends before it";
	}
	if (wrong)
		buf_printf(error, "%s:%d: not a schedule: %s", path, number, wrong);
	free(line);
	fclose(f);
	return !wrong;
}

void replay_finish(struct replay *r)
{
	free(r->test);
	free(r->choices.at);
}
