/*
 * cmd_tap.c - weft-pipeline tap: lines as they pass a step, a source or an output
 *
 * Records come as JSON from the process that runs (control.c); here they are made readable.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "fdio.h"
#include "json.h"
#include "operate.h"
#include "signals.h"
#include "target.h"
#include "weft/sync.h"

static const char help[] =
"usage: weft-pipeline tap [-c CONFIG | -s DIR] [-w EXPR] [-n N] [-j] STEP\n"
"       weft-pipeline tap [options] source NAME | output NAME\n"
"\n"
"Shows lines of a running pipeline as they pass:\n"
"\n"
"    STEP          what a step does to lines: = it lets one pass as it is, < and > before\n"
"                  and after it changed one, - it drops one, and why\n"
"    source NAME   what a source reads, parsed, before the first step\n"
"    output NAME   records as an output gets them\n"
"\n"
"The pipeline is not slowed down: lines that come faster than they can be shown are\n"
"counted, not shown.  The tap goes on over a reload.  Ctrl-C ends it.\n"
"\n"
TARGET_HELP
"    -w, --where EXPR    only lines for which this is true, as in where: steps; at a step\n"
"                        as they are before it\n"
"    -n, --lines N       end after N lines\n"
"    -j, --json          records as they come: {\"fate\":...,\"before\":...,\"after\":...},\n"
"                        {\"line\":...}, {\"record\":...}, and counts every second\n"
"\n"
"Exit status: 0, or 1 when nothing runs or it ended, 2 wrong usage.\n"
"\n"
"examples:\n"
"    weft-pipeline tap mask --where 'message contains \"password\"'\n"
"    weft-pipeline tap -n 10 output elastic\n";

struct tapping {
	struct target	 target;
	const char	*where;
	uint64_t	 most, shown;
	bool		 json, told;	/* told: the step is away */
	uint64_t	 seen, missed;
	weft_ctx	*ctx;
};

static struct field
member(const char *line, size_t len, const char *name)
{
	struct field f = { 0 };

	json_member(line, len, name, strlen(name), &f);
	return f;
}

static uint64_t
number(const char *line, size_t len, const char *name)
{
	struct field f = member(line, len, name);

	return f.len ? strtoull(f.value, NULL, 10) : 0;
}

/* "< line", or what stands behind: "- line  (filtered)" */
static void
add(struct buf *out, const char *sign, const struct field *f, const struct field *fate)
{
	buf_adds(out, sign);
	buf_add(out, f->value, f->len);
	if (fate) {
		buf_adds(out, "  (");
		buf_add(out, fate->value, fate->len);
		buf_addc(out, ')');
	}
	buf_addc(out, '\n');
}

static void
add_step(struct buf *out, const char *line, size_t len)
{
	struct field before = member(line, len, "before"), after = member(line, len, "after");
	struct field fate = member(line, len, "fate"), reason = member(line, len, "reason");

	if (fate.len != 4 || memcmp(fate.value, "kept", 4) != 0) {
		add(out, "- ", &before, reason.len ? &reason : &fate);
	} else if (before.len == after.len && memcmp(before.value, after.value, after.len) == 0) {
		add(out, "= ", &before, NULL);
	} else {
		add(out, "< ", &before, NULL);
		add(out, "> ", &after, NULL);
	}
}

static void
take_counts(struct tapping *t, const char *line, size_t len)
{
	struct field there = member(line, len, "tap");
	bool gone = there.len == 5;

	t->seen = number(line, len, "seen");
	t->missed = number(line, len, "missed");
	if (gone && !t->told)
		command_say("after a reload there is no such place any more; waiting for it");
	t->told = gone;
}

static bool
show(const char *line, size_t len, void *arg)
{
	struct tapping *t = arg;
	struct buf out = { 0 };
	bool counts = strncmp(line, "{\"tap\":", 7) == 0;
	struct field f;

	if (counts)
		take_counts(t, line, len);
	if (t->json)
		buf_add(&out, line, len);
	else if (strncmp(line, "{\"fate\":", 8) == 0)
		add_step(&out, line, len);
	else if ((f = member(line, len, "line")).len)
		add(&out, "", &f, NULL);
	else if ((f = member(line, len, "record")).value) {
		json_unescape(&out, f.value, f.len);
		buf_addc(&out, '\n');
	}
	t->shown += !counts;
	if (out.len && fdio_write(STDOUT_FILENO, out.data, out.len, &out.room))
		t->most = t->shown;	/* nobody reads it */
	buf_finish(&out);
	return !t->most || t->shown < t->most;
}

static void
stop(void *arg)
{
	weft_cancel(((struct tapping *)arg)->ctx);
}

static int
run(struct tapping *t, const char *place, const char *name)
{
	struct signals signals = { stop, NULL, t };
	weft_waitgroup watching = { 0 };
	weft_ctx *life = weft_with_cancel(NULL);
	struct buf command = { 0 }, why = { 0 };
	int err = signals_catch(false);

	t->ctx = weft_with_cancel(NULL);
	if (!err)
		weft_waitgroup_go(&watching, signals_watch, life, &signals);
	buf_printf(&command, "tap %s %s%s%s", place, name, t->where ? " where " : "",
	    t->where ? t->where : "");
	err = control_ask(t->ctx, t->target.dir, buf_str(&command), show, t, &why);
	if (err == -ECANCELED)
		err = 0;
	if (err)
		command_say("%s", why.len ? buf_str(&why) : strerror(-err));
	else if (t->missed)
		command_say("%llu lines were not shown: they came too fast",
		    (unsigned long long)t->missed);
	weft_cancel(life);
	weft_waitgroup_wait(&watching);
	weft_ctx_free(life);
	weft_ctx_free(t->ctx);
	buf_finish(&command);
	buf_finish(&why);
	return err ? 1 : 0;
}

static int
tap(struct tapping *t, int n, char **words)
{
	const char *place = n == 2 ? words[0] : "step";
	int status;

	if (n == 0 || n > 2) {
		command_say("tap what? a step, \"source NAME\" or \"output NAME\"");
		return 2;
	}
	if (n == 2 && strcmp(place, "source") && strcmp(place, "output") && strcmp(place, "step"))
		return command_misuse("a tap is at a step, source or output, not", place);
	status = target_find(&t->target, true);
	if (!status)
		status = run(t, place, words[n - 1]);
	target_finish(&t->target);
	return status;
}

int
cmd_tap(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", 1, NULL, 'c' }, { "state", 1, NULL, 's' }, { "where", 1, NULL, 'w' },
		{ "lines", 1, NULL, 'n' }, { "json", 0, NULL, 'j' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct tapping t = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, ":c:s:w:n:jh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			t.target.config = optarg;
			break;
		case 's':
			t.target.state = optarg;
			break;
		case 'w':
			t.where = optarg;
			break;
		case 'n':
			if (!command_number(optarg, 1, UINT64_MAX, &t.most))
				return command_misuse("the number of lines must be 1 or more, not",
				    optarg);
			break;
		case 'j':
			t.json = true;
			break;
		case 'h':
			return command_print("%s", help);
		default:
			return command_bad_option(c, argv);
		}
	return tap(&t, argc - optind, argv + optind);
}
