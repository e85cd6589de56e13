/*
 * replay.c - dead letters through the pipeline once more
 *
 * The letters of one source, and of one output that rejected them, make a stream: its bytes are
 * the original lines, a newline behind each, in the order of the file.  So a place in it is kept
 * by the outputs like any file's, and after a kill the file is read again, and what is settled
 * is passed over.  The state has these streams under names of their own, so that no source
 * takes them for its files.
 *
 * PATH is renamed first, under the lock of the output that writes it: letters that die again are
 * in a new file.  PATH.replaying is renamed last, when the state knows that all is settled.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "letter.h"
#include "letter_file.h"
#include "stage.h"
#include "weft/net.h"
#include "weft/time.h"
#include "when.h"

#define STACK	(256 << 10)

struct group {
	struct source	*source;
	char		*output;	/* or NULL: all */
	struct stream	*stream;
	uint64_t	 settled;	/* so many bytes of it were, before */
};

struct replay {
	weft_pipeline	*p;
	weft_ctx	*ctx;
	struct buf	 working, left;	/* PATH.replaying, PATH.left */
	struct group	*groups;
	int		 ngroups;
	struct file_id	 id;		/* of PATH.replaying */
	struct weft_replay_counts *n;
	struct buf	*err;
};

static int fail(struct replay *r, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
fail(struct replay *r, int err, const char *fmt, ...)
{
	va_list ap;

	r->err->len = 0;
	va_start(ap, fmt);
	buf_vprintf(r->err, fmt, ap);
	va_end(ap);
	return err;
}

static int
open_reader(struct replay *r, struct letter_file *f)
{
	int err = letter_file_open(f, buf_str(&r->working));

	return err ? fail(r, err, "cannot read %s: %s", buf_str(&r->working), strerror(-err)) : 0;
}

static int
close_reader(struct replay *r, struct letter_file *f, int err)
{
	letter_file_close(f);
	return err < 0 && !r->err->len ? fail(r, err, "cannot read %s: %s", buf_str(&r->working),
	    strerror(-err)) : err;
}

static int
identify(struct replay *r)
{
	struct letter_file f;
	int err = open_reader(r, &f);

	return err ? err : close_reader(r, &f, letter_file_id(&f, &r->id));
}

/* shape held. */
static struct source *
source_named(weft_pipeline *p, const char *name)
{
	for (int i = 0; i < p->nsources; i++)
		if (!p->sources[i]->gone && strcmp(p->sources[i]->name, name) == 0)
			return p->sources[i];
	return NULL;
}

static bool
has_output(weft_pipeline *p, const char *name)
{
	for (int i = 0; i < p->plan.noutputs; i++)
		if (strcmp(p->plan.outputs[i]->name, name) == 0)
			return true;
	return false;
}

static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct group *
group_of(struct replay *r, const struct letter *l)
{
	for (int i = 0; i < r->ngroups; i++)
		if (strcmp(r->groups[i].source->name, l->source) == 0 &&
		    same(r->groups[i].output, l->output))
			return &r->groups[i];
	return NULL;
}

/* A new group, or NULL: nobody wants such letters. */
static struct group *
add_group(struct replay *r, const struct letter *l)
{
	struct source *s;
	bool wanted;

	weft_rwmutex_rlock(&r->p->shape);
	s = source_named(r->p, l->source);
	wanted = s && (!l->output || has_output(r->p, l->output));
	weft_rwmutex_runlock(&r->p->shape);
	if (!wanted)
		return NULL;
	r->groups = xrealloc(r->groups, (r->ngroups + 1) * sizeof(*r->groups));
	r->groups[r->ngroups] = (struct group){
		.source = s, .output = l->output ? xstrdup(l->output) : NULL
	};
	return &r->groups[r->ngroups++];
}

/* Which groups there are; lines that belong to none go into left, if it is not NULL. */
static int
sort_letters(struct replay *r, struct buf *left)
{
	struct letter_file f;
	struct buf room = { 0 };
	struct letter l;
	const char *line;
	size_t len;
	int err = open_reader(r, &f);

	if (err)
		return err;
	while ((err = weft_err(r->ctx)) == 0 && (err = letter_file_next(&f, &line, &len)) > 0) {
		bool letter = letter_parse(line, len, &l, &room) == 0;

		if (letter && (group_of(r, &l) || add_group(r, &l))) {
			r->n->letters++;
		} else {
			r->n->skipped++;
			buf_add(left, line, len);
			if (line[len - 1] != '\n')
				buf_addc(left, '\n');
		}
	}
	buf_finish(&room);
	return close_reader(r, &f, err);
}

static void
owner_of(const struct group *g, struct buf *out)
{
	buf_printf(out, "dead replay of %s%s%s", g->source->name, g->output ? " to " : "",
	    g->output ? g->output : "");
}

static bool
is_file(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->head_len == b->head_len &&
	    a->head_hash == b->head_hash;
}

/* Where an earlier attempt has come to; what the state has of other files is over. */
static int
open_group(struct replay *r, struct group *g)
{
	weft_pipeline *p = r->p;
	struct known_file *known = NULL, *mine = NULL;
	struct buf owner = { 0 };

	owner_of(g, &owner);
	if (p->state)
		known = intake_known(p, buf_str(&owner));
	for (struct known_file *k = known; k && k->row; k++) {
		if (is_file(&k->id, &r->id) && !mine) {
			mine = k;
			continue;
		}
		state_begin(p->state);
		state_stream_forget(p->state, k->row);
		pipeline_fail(p, state_commit(p->state));
	}
	g->settled = mine ? mine->at.offset : 0;
	g->stream = intake_open(g->source, buf_str(&owner), g->output, g->source->name, mine,
	    &r->id);
	state_known_free(known);
	buf_finish(&owner);
	return g->stream->stopped ? -ECANCELED : 0;
}

static void
add_line(struct batch *b, const struct letter *l)
{
	struct line *line = batch_add(b);

	line->text = b->bytes.data + b->bytes.len;
	line->len = l->len;
	buf_add(&b->bytes, l->text, l->len);
	buf_addc(&b->bytes, '\n');
	line->end = b->bytes.len;
}

static void
submit(struct group *g, struct batch *b)
{
	struct intake *in = &g->source->in;

	memset(b->bytes.data + b->bytes.len, '\n', BATCH_PAD);
	b->from = g->stream->end.offset;
	b->to = b->from + b->bytes.len;
	b->received = when_now();
	in->submit(in, g->stream, b);
}

/* A batch with room for len bytes more: b, or a new one after b is on its way. */
static struct batch *
make_room(struct replay *r, struct group *g, struct batch *b, size_t len)
{
	size_t usual = r->p->opt.batch;

	if (b && b->bytes.len + len <= usual && b->nlines < BATCH_LINES)
		return b;
	if (b)
		submit(g, b);
	return batch_get(r->ctx, &r->p->pool, len > usual ? len : usual);
}

static int
send_group(struct replay *r, struct group *g)
{
	struct letter_file f;
	struct buf room = { 0 };
	struct batch *b = NULL;
	struct letter l;
	const char *line;
	uint64_t at = 0;
	size_t len;
	int err = open_reader(r, &f);

	if (err)
		return err;
	while ((err = weft_err(r->ctx)) == 0 && (err = letter_file_next(&f, &line, &len)) > 0) {
		if (letter_parse(line, len, &l, &room) || group_of(r, &l) != g)
			continue;
		at += l.len + 1;
		if (at <= g->settled)
			continue;
		b = make_room(r, g, b, l.len + 1);
		if (!b)
			break;
		add_line(b, &l);
	}
	if (b)
		submit(g, b);
	buf_finish(&room);
	return close_reader(r, &f, err > 0 ? -ECANCELED : err);
}

static bool
all_settled(struct replay *r)
{
	bool all = true;

	weft_rwmutex_rlock(&r->p->gate);
	for (int i = 0; i < r->ngroups; i++)
		all = all && intake_settled(r->p, r->groups[i].stream);
	weft_rwmutex_runlock(&r->p->gate);
	return all;
}

static int
send_all(struct replay *r)
{
	int err = 0;

	for (int i = 0; i < r->ngroups && !err; i++)
		err = open_group(r, &r->groups[i]);
	for (int i = 0; i < r->ngroups && !err; i++)
		err = send_group(r, &r->groups[i]);
	while (!err && !all_settled(r))
		err = weft_sleep_ctx(r->ctx, 20 * WEFT_MS);
	return err;
}

/* A reload may have taken an output away; then its letters went nowhere. */
static int
check_outputs(struct replay *r)
{
	const char *gone = NULL;

	weft_rwmutex_rlock(&r->p->shape);
	for (int i = 0; i < r->ngroups; i++)
		if (r->groups[i].output && !has_output(r->p, r->groups[i].output))
			gone = r->groups[i].output;
	weft_rwmutex_runlock(&r->p->shape);
	return !gone ? 0 : fail(r, -ENOENT, "meanwhile a reload took the output %s away; %s stays: "
	    "replay again", gone, buf_str(&r->working));
}

/* Letters that nobody wants, on disk before the file is let go of. */
static int
keep_left(struct replay *r, const struct buf *left)
{
	size_t done;
	int fd, err;

	if (!left->len)
		return 0;
	fd = fdio_open(buf_str(&r->left), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	err = fd < 0 ? fd : fdio_write(fd, left->data, left->len, &done);
	if (!err) {
		weft_enter_blocking();
		err = fdatasync(fd) < 0 ? -errno : 0;
		weft_leave_blocking();
	}
	if (fd >= 0)
		close(fd);
	return err ? fail(r, err, "cannot write %s: %s", buf_str(&r->left), strerror(-err)) : 0;
}

static int
replay_working(struct replay *r, const char *path)
{
	struct buf left = { 0 }, done = { 0 };
	bool sent;
	int err = identify(r);

	if (!err)
		err = sort_letters(r, &left);
	if (!err)
		err = send_all(r);
	if (weft_err(r->ctx))
		err = fail(r, -ECANCELED, "%s: interrupted; it stays, and replay goes on with it "
		    "next time", buf_str(&r->working));
	if (!err)
		err = check_outputs(r);
	if (!err)
		err = keep_left(r, &left);
	buf_printf(&done, "%s.replayed", path);
	if (!err && rename(buf_str(&r->working), buf_str(&done)) < 0) {
		err = -errno;
		fail(r, err, "cannot rename %s: %s", buf_str(&r->working), strerror(-err));
	}
	sent = !err;
	for (int i = 0; i < r->ngroups; i++) {
		struct intake *in = &r->groups[i].source->in;

		if (r->groups[i].stream)
			in->close(in, r->groups[i].stream, false, sent);
		free(r->groups[i].output);
	}
	free(r->groups);
	r->groups = NULL;
	r->ngroups = 0;
	buf_finish(&left);
	buf_finish(&done);
	return err;
}

/* The output has written all it counts into the file, and begins a new one. */
static int
take_file(struct replay *r, const char *path)
{
	struct output *dead;
	int err = 0;

	weft_rwmutex_rlock(&r->p->gate);	/* no reload now: dead stays */
	dead = r->p->plan.dead;
	if (dead) {
		weft_mutex_lock(&dead->busy);
		err = ack_checkpoint(dead, true);
	}
	if (!err && rename(path, buf_str(&r->working)) < 0)
		err = -errno;
	if (dead) {
		if (!err && dead->sink->kind->tick)
			dead->sink->kind->tick(dead->sink);
		weft_mutex_unlock(&dead->busy);
	}
	weft_rwmutex_runlock(&r->p->gate);
	return err ? fail(r, err, "cannot take %s: %s", path, strerror(-err)) : 0;
}

static bool
has_letters(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static bool
ends(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* What an interrupted replay has left comes first. */
static int
replay_both(struct replay *r, const char *path)
{
	bool before = access(buf_str(&r->working), F_OK) == 0;
	int err;

	if (ends(path, ".gz") || ends(path, ".zst"))
		return fail(r, -EINVAL, "%s is compressed; unpack it first", path);
	if (!before && access(path, F_OK) < 0)
		return fail(r, -ENOENT, "there are no dead letters: %s does not exist", path);
	err = before ? replay_working(r, path) : 0;
	if (err || !has_letters(path))
		return err;
	err = take_file(r, path);
	return err ? err : replay_working(r, path);
}

/* Like a reload it counts as reading: the stages wait for it. */
static int
enter(struct replay *r)
{
	weft_pipeline *p = r->p;
	int err = 0;

	weft_mutex_lock(&p->lock);
	if (!p->running || p->ending || weft_err(p->ctx))
		err = fail(r, -ESHUTDOWN, "the pipeline does not run, or is about to end");
	else
		p->reloads++;
	weft_mutex_unlock(&p->lock);
	if (err)
		return err;
	weft_waitgroup_add(&p->reading, 1);
	r->ctx = weft_with_cancel(p->ctx);
	return 0;
}

static void
leave(struct replay *r)
{
	weft_ctx_free(r->ctx);
	weft_mutex_lock(&r->p->lock);
	r->p->reloads--;
	weft_mutex_unlock(&r->p->lock);
	weft_waitgroup_done(&r->p->reading);
}

int
replay_file(weft_pipeline *p, const char *path, struct weft_replay_counts *n, struct buf *why)
{
	struct replay r = { .p = p, .n = n, .err = why };
	int err = enter(&r);

	*n = (struct weft_replay_counts){ 0 };
	if (err)
		return err;
	buf_printf(&r.working, "%s.replaying", path);
	buf_printf(&r.left, "%s.left", path);
	if (weft_mutex_trylock(&p->replaying)) {
		err = replay_both(&r, path);
		weft_mutex_unlock(&p->replaying);
	} else {
		err = fail(&r, -EBUSY, "another replay is going on");
	}
	buf_finish(&r.working);
	buf_finish(&r.left);
	leave(&r);
	return err;
}

static void
run_alone(weft_pipeline *p)
{
	struct buf err = { 0 };

	if (pipeline_fail(p, replay_file(p, p->replay, p->replayed, &err)))
		pipeline_tell(p, "%s", buf_str(&err));
	buf_finish(&err);
	weft_waitgroup_done(&p->reading);
}

void
replay_alone(weft_pipeline *p)
{
	weft_waitgroup_add(&p->reading, 1);
	weft_go_stack(STACK, run_alone, p);
}

int
weft_pipeline_replay(weft_pipeline *p, const char *path, struct weft_replay_counts *out)
{
	struct buf err = { 0 };
	bool running;
	int e = 0;

	weft_mutex_lock(&p->lock);
	running = p->running;
	weft_mutex_unlock(&p->lock);
	if (running) {
		e = replay_file(p, path, out, &err);
		if (e)
			pipeline_tell(p, "%s", buf_str(&err));
	} else {
		p->replay = xstrdup(path);
		p->replayed = out;
	}
	buf_finish(&err);
	return e;
}
