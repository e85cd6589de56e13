/*
 * cmd_dead.c - weft-pipeline dead: what is in the dead letters, and sending them again
 *
 * A process that runs is asked to do it, for it has the outputs and the state.  If none runs, the
 * configuration's pipeline is run here, with the letters instead of its sources.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "json.h"
#include "letter.h"
#include "letter_file.h"
#include "operate.h"
#include "render.h"
#include "signals.h"
#include "target.h"
#include "weft/sync.h"

static const char help[] =
"usage: weft-pipeline dead ls [-c CONFIG] [FILE...]\n"
"       weft-pipeline dead replay [-c CONFIG] [FILE...]\n"
"\n"
"Dead letters are the lines that could not be parsed, or that an output rejected, each\n"
"with its reason and its bytes, in the file of the output that errors: names.\n"
"\n"
"    ls          counts them, by source, output and reason\n"
"    replay      sends them through the pipeline again: the original bytes, as lines of\n"
"                the source they came from; those that an output rejected go to that\n"
"                output only.  What dies again becomes a dead letter again.\n"
"\n"
"FILE is another file of dead letters, such as one that was rotated (unpack it first).\n"
"While it is replayed it is named FILE.replaying, and FILE.replayed when all of it is\n"
"delivered; letters of sources or outputs that no longer exist are added to FILE.left.\n"
"Replay may be interrupted, also by kill -9: called again, it goes on where it was, and\n"
"with a state directory nothing is delivered twice to files.\n"
"\n"
"A pipeline that runs replays by itself, beside what it does; else its configuration is\n"
"run here, without its sources, until the letters are delivered.\n"
"\n"
"    -c, --config FILE   the configuration of the pipeline (default:\n"
"                        " TARGET_CONFIG ")\n"
"    -j, --json          (ls) a JSON object a line\n"
"\n"
"Exit status: 0; 1 when something could not be read or delivered; 2 wrong usage.\n"
"\n"
"examples:\n"
"    weft-pipeline dead ls\n"
"    weft-pipeline dead replay -c /etc/weft-pipeline.yaml /var/log/dead.jsonl.1\n";

struct dead {
	struct target	 target;
	bool		 json;
	char		**files;	/* named, or the configuration's own */
	weft_ctx	*ctx;
};

/* The file of the output for errors; NULL: said. */
static const char *
own_file(struct dead *d)
{
	const struct config *c = d->target.c;
	const struct config_output *o = c->errors ? config_output(c, c->errors) : NULL;

	if (!o || !o->file.path)
		command_say("%s names no output for dead letters (errors:); name a file", c->path);
	else if (strpbrk(o->file.path, "%{"))
		command_say("dead letters go to several files, %s; name one", o->file.path);
	else
		return o->file.path;
	return NULL;
}

/* Letters that are alike, in the order in which they were met first. */
struct kind { char *key; size_t len; uint64_t n; };
struct kinds { struct kind *kind; size_t n, room; uint64_t letters, others; };

static void
count_letter(struct kinds *k, const struct letter *l)
{
	struct buf key = { 0 };
	size_t i = 0;

	buf_printf(&key, "%s%c%s%c%s", l->source, 0, l->output ? l->output : "", 0, l->reason);
	while (i < k->n && (k->kind[i].len != key.len ||
	    memcmp(k->kind[i].key, key.data, key.len) != 0))
		i++;
	if (i == k->n) {
		if (k->n == k->room) {
			k->room = k->room ? 2 * k->room : 64;
			k->kind = xrealloc(k->kind, k->room * sizeof(*k->kind));
		}
		buf_str(&key);
		k->kind[k->n++] = (struct kind){ key.data, key.len, 0 };
		key = (struct buf){ 0 };
	}
	k->kind[i].n++;
	buf_finish(&key);
}

static int
count_file(struct kinds *k, const char *path)
{
	struct letter_file f;
	struct buf room = { 0 };
	struct letter l;
	const char *line;
	size_t len;
	int err = letter_file_open(&f, path);

	if (err)
		return err;
	while ((err = letter_file_next(&f, &line, &len)) > 0)
		if (letter_parse(line, len, &l, &room) == 0) {
			k->letters++;
			count_letter(k, &l);
		} else {
			k->others++;
		}
	letter_file_close(&f);
	buf_finish(&room);
	return err;
}

static int
most_first(const void *a, const void *b)
{
	const struct kind *x = a, *y = b;

	return x->n < y->n ? 1 : x->n > y->n ? -1 : strcmp(x->key, y->key);
}

static int
print_kinds(struct dead *d, struct kinds *k)
{
	struct buf out = { 0 };
	int status;

	if (k->n)
		qsort(k->kind, k->n, sizeof(*k->kind), most_first);
	for (size_t i = 0; i < k->n; i++) {
		const char *source = k->kind[i].key, *output = source + strlen(source) + 1;
		const char *reason = output + strlen(output) + 1;

		if (!d->json) {
			buf_printf(&out, "%12" PRIu64 "  %s%s%s: %s\n", k->kind[i].n, source,
			    *output ? ", rejected by " : "", output, reason);
			continue;
		}
		buf_printf(&out, "{\"letters\":%" PRIu64 ",\"source\":", k->kind[i].n);
		render_string(&out, source, strlen(source));
		if (*output) {
			buf_adds(&out, ",\"output\":");
			render_string(&out, output, strlen(output));
		}
		buf_adds(&out, ",\"reason\":");
		render_string(&out, reason, strlen(reason));
		buf_adds(&out, "}\n");
	}
	if (!d->json)
		buf_printf(&out, "%12" PRIu64 "  dead letters\n", k->letters);
	if (k->others)
		command_say("%" PRIu64 " lines are no letters", k->others);
	status = command_print("%s", buf_str(&out));
	buf_finish(&out);
	return status;
}

static int
list(struct dead *d)
{
	struct kinds k = { 0 };
	struct buf interrupted = { 0 };
	int status = 0;

	for (char **f = d->files; *f; f++) {
		int err = count_file(&k, *f);

		interrupted.len = 0;
		buf_printf(&interrupted, "%s.replaying", *f);
		if (access(buf_str(&interrupted), F_OK) == 0)
			command_say("%s is there: a replay goes on, or was interrupted; dead "
			    "replay finishes it", interrupted.data);
		if (err && err != -ENOENT) {
			command_say("cannot read %s: %s", *f, strerror(-err));
			status = 1;
		}
	}
	status |= print_kinds(d, &k);
	for (size_t i = 0; i < k.n; i++)
		free(k.kind[i].key);
	free(k.kind);
	buf_finish(&interrupted);
	return status;
}

static int
say_done(const char *file, uint64_t letters, uint64_t skipped)
{
	if (skipped)
		command_say("%" PRIu64 " letters of sources or outputs that the configuration does "
		    "not have are in %s.left", skipped, file);
	return command_print("%s: %" PRIu64 " letters replayed\n", file, letters);
}

struct reply { const char *file; int status; };

static bool
take_reply(const char *line, size_t len, void *arg)
{
	struct reply *r = arg;
	struct field letters = { 0 }, skipped = { 0 };

	json_member(line, len, "letters", 7, &letters);
	json_member(line, len, "skipped", 7, &skipped);
	r->status = say_done(r->file, letters.len ? strtoull(letters.value, NULL, 10) : 0,
	    skipped.len ? strtoull(skipped.value, NULL, 10) : 0);
	return true;
}

/* The process has a directory of its own. */
static void
absolute(const char *file, struct buf *out)
{
	char *dir = *file == '/' ? NULL : getcwd(NULL, 0);

	buf_printf(out, "replay %s%s%s", dir ? dir : "", dir ? "/" : "", file);
	free(dir);
}

/* -ENOENT: none runs; else it is done or said. */
static int
ask_process(struct dead *d, const char *file, int *status)
{
	struct buf command = { 0 }, why = { 0 };
	struct reply reply = { file, 1 };
	int err = -ENOENT;

	absolute(file, &command);
	if (d->target.dir)
		err = control_ask(d->ctx, d->target.dir, buf_str(&command), take_reply, &reply,
		    &why);
	if (err && err != -ENOENT)
		command_say("%s", why.len ? buf_str(&why) : strerror(-err));
	*status = err ? 1 : reply.status;
	buf_finish(&command);
	buf_finish(&why);
	return err == -ENOENT ? err : 0;
}

/* Files of another user in a service's state would keep the service from starting. */
static bool
may_use(const char *dir)
{
	struct stat st;

	if (!dir || stat(dir, &st) < 0 || st.st_uid == geteuid())
		return true;
	command_say("the state directory %s belongs to user %u: start the pipeline, and it replays "
	    "itself; or run this as that user", dir, (unsigned)st.st_uid);
	return false;
}

static int
replay_here(struct dead *d, const char *file)
{
	struct weft_replay_counts n = { 0 };
	struct buf err = { 0 };
	weft_pipeline *p;
	int e;

	if (!may_use(d->target.dir))
		return 1;
	e = config_build(d->target.c, &p, &err);
	if (e) {
		command_say("%s is refused\n%.*s", d->target.c->path, (int)err.len - 1,
		    buf_str(&err));
		buf_finish(&err);
		return 1;
	}
	weft_pipeline_replay(p, file, &n);
	e = weft_pipeline_run(d->ctx, p);
	if (e && *weft_pipeline_error(p))
		command_say("%s", weft_pipeline_error(p));
	if (!weft_pipeline_balanced(p)) {
		command_say("the ledger does not balance; see weft-pipeline ledger");
		e = e ? e : -EBADMSG;
	}
	weft_pipeline_free(p);
	buf_finish(&err);
	return e ? 1 : say_done(file, n.letters, n.skipped);
}

static void
stop(void *arg)
{
	command_say("stopping; call it again to go on (again: stop at once)");
	weft_cancel(((struct dead *)arg)->ctx);
}

static int
replay(struct dead *d)
{
	struct signals signals = { stop, NULL, d };
	weft_waitgroup watching = { 0 };
	weft_ctx *life = weft_with_cancel(NULL);
	int status = 0;

	d->ctx = weft_with_cancel(NULL);
	if (signals_catch(false) == 0)
		weft_waitgroup_go(&watching, signals_watch, life, &signals);
	for (char **f = d->files; *f && !status; f++)
		if (ask_process(d, *f, &status))
			status = replay_here(d, *f);
	weft_cancel(life);
	weft_waitgroup_wait(&watching);
	weft_ctx_free(life);
	weft_ctx_free(d->ctx);
	return status;
}

static int
dead(struct dead *d, char **words)
{
	char *own[2] = { NULL, NULL };
	bool ls = *words && strcmp(*words, "ls") == 0;
	int status;

	if (!*words || (!ls && strcmp(*words, "replay") != 0))
		return *words ? command_misuse("it is dead ls or dead replay, not", *words) :
		    (command_say("what to do? dead ls, or dead replay"), 2);
	d->files = words + 1;
	if (ls && *d->files)
		return list(d);		/* needs no configuration */
	status = target_find(&d->target, false);
	if (!status && !*d->files) {
		own[0] = (char *)own_file(d);
		d->files = own;
		status = own[0] ? 0 : 1;
	}
	if (!status)
		status = ls ? list(d) : replay(d);
	target_finish(&d->target);
	return status;
}

int
cmd_dead(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", 1, NULL, 'c' }, { "json", 0, NULL, 'j' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct dead d = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, ":c:jh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			d.target.config = optarg;
			break;
		case 'j':
			d.json = true;
			break;
		case 'h':
			return command_print("%s", help);
		default:
			return command_bad_option(c, argv);
		}
	return dead(&d, argv + optind);
}
