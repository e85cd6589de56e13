/*
 * source_file.c - files by their names: found, followed, and let go
 *
 * A loop looks for files when something happened in their directories, and every few seconds
 * anyway; a goroutine passes on what inotify says.  A file that no pattern finds any more has
 * left: it is read to its end, followed until it has been quiet for as long as linger says,
 * and closed.  A file that has come to a name another one had is read after that one.
 */
#include "source_files.h"

#include <stdlib.h>

#include "weft/time.h"

#define RESCAN		(5 * WEFT_SECOND)
#define RESCAN_BLIND	WEFT_SECOND	/* when something is not watched */
#define STALLED		(5 * WEFT_MS)	/* a turn of so long: the pipeline waits */
#define LINGER		(10 * WEFT_SECOND)
#define MAX_LINE	((size_t)64 << 20)

static void
earlier(int64_t *next, int64_t when)
{
	if (when < *next)
		*next = when;
}

/* The next look is not to take more than half a percent of a core. */
static int64_t
at_least(struct files *f, int64_t wait)
{
	return wait < 200 * f->took ? 200 * f->took : wait;
}

/* Under the lock: what is due for it, and when there will be something. */
static void
tick(struct files *f, struct tail *t, int64_t now, int64_t *next)
{
	int64_t wait = f->o->multiline_wait ? f->o->multiline_wait : WEFT_SECOND;

	if (t->file.fd >= 0 && t->file.wd < 0 && !f->o->once)
		earlier(next, f->looked + at_least(f, RESCAN_BLIND));
	if (t->check && now >= t->began + STALLED)
		tail_check(t);
	else if (t->check)
		earlier(next, t->began + STALLED);
	if (t->state != TAIL_IDLE)
		return;
	if (t->due && t->due <= now)
		tail_poke(t);
	else if (t->due)
		earlier(next, t->due);
	if (!t->caught || t->file.packed)
		return;
	if (f->multiline && t->file.size > t->offset && t->flushed != t->file.size) {
		if (now >= t->file.grown + wait) {
			t->flush = true;
			t->flushed = t->file.size;
			tail_poke(t);
		} else {
			earlier(next, t->file.grown + wait);
		}
	}
	if (t->file.matched || t->final)
		return;
	if (now >= t->file.grown + f->linger) {
		t->final = true;
		tail_poke(t);
	} else {
		earlier(next, t->file.grown + f->linger);
	}
}

/* When to look again; false: there is nothing more to come. */
static bool
tick_all(struct files *f, int64_t *next)
{
	int64_t now = weft_now();
	bool more;

	weft_mutex_lock(&f->lock);
	*next = f->looked + at_least(f, f->unwatched ? RESCAN_BLIND : RESCAN);
	if (f->dirty)
		earlier(next, f->looked + 10 * f->took);
	list_for_each(e, &f->tails)
		tick(f, container_of(e, struct tail, all), now, next);
	more = !f->stopping && (!f->o->once || f->active > 0 || !f->round);
	weft_mutex_unlock(&f->lock);
	return more;
}

int
source_file_check(const struct weft_source_options *o, struct buf *err)
{
	struct multiline *m;
	struct globs g;
	size_t before = err->len;

	if (globs_init(&g, o->file, o->exclude, err) < 0)
		return -EINVAL;
	globs_finish(&g);
	m = multiline_new(o->multiline, o->format, err);
	multiline_free(m);
	return err->len > before ? -EINVAL : 0;
}

static void
loop(struct files *f)
{
	int64_t next = 0;

	while (tick_all(f, &next) && !weft_err(f->ctx)) {
		if (f->round && next > weft_now()) {
			weft_select(weft_on_recv(f->kick, NULL), weft_on_done(f->ctx),
			    weft_on_timeout(next - weft_now()));
			continue;
		}
		f->looked = weft_now();
		look_for_files(f);
		f->took = weft_now() - f->looked;
		if (f->o->once && f->sights.n == 0)
			f->in->tell(f->in, -ENOENT, "%s: there is no such file", f->o->file);
	}
}

static void
close_all(struct files *f)
{
	list_for_each_safe(e, &f->tails) {
		struct tail *t = container_of(e, struct tail, all);

		t->next = t->after = NULL;
		if (t->state != TAIL_OVER)
			tail_over(t, false);
		tail_free(t);
	}
}

static void
files_finish(struct files *f)
{
	close_all(f);
	watch_close(&f->watch);
	for (struct map_entry *e = NULL; (e = map_next(&f->dirs, e)); )
		free(e->value);
	map_finish(&f->dirs);
	map_finish(&f->inodes);
	map_finish(&f->watched);
	map_finish(&f->told);
	map_finish(&f->holders);
	for (size_t i = 0; i < f->npast; i++)
		free(f->past[i].k.path);
	for (size_t i = 0; i < f->nmoved; i++) {
		free(f->moved[i].from);
		free(f->moved[i].to);
	}
	free(f->past);
	free(f->moved);
	sights_finish(&f->sights);
	globs_finish(&f->globs);
	multiline_free(f->multiline);
	weft_free(f->kick);
	free(f);
}

static struct files *
files_new(weft_ctx *ctx, struct intake *in, const struct weft_source_options *o)
{
	struct files *f = xcalloc(1, sizeof(*f));
	struct buf err = { 0 };

	f->ctx = ctx;
	f->in = in;
	f->o = o;
	f->max_line = o->max_line ? o->max_line : MAX_LINE;
	f->linger = o->linger ? o->linger : LINGER;
	f->first = true;
	list_init(&f->tails);
	list_init(&f->ready);
	list_init(&f->packed);
	f->kick = weft_make(char, 1);
	if (globs_init(&f->globs, o->file, o->exclude, &err) == 0)
		f->multiline = multiline_new(o->multiline, o->format, &err);
	if (err.len)			/* source_file_check says so before */
		in->tell(in, -EINVAL, "%s", buf_str(&err));
	buf_finish(&err);
	return f;
}

void
source_file_run(weft_ctx *ctx, struct intake *in, const struct weft_source_options *o)
{
	struct files *f = files_new(ctx, in, o);
	weft_ctx *watching = weft_with_cancel(ctx);
	int err = o->once ? -EINVAL : watch_open(&f->watch);

	if (err && !o->once)
		in->tell(in, 0, "changes of files are looked for every second: inotify: %s "
		    "(see fs.inotify.max_user_instances)", strerrordesc_np(-err));
	if (err)
		f->watch.fd = err;
	else
		weft_waitgroup_go(&f->wg, listen_to_events, f, watching);
	weft_mutex_lock(&f->lock);
	resume_known(f);
	f->nknown = f->npast;
	weft_mutex_unlock(&f->lock);
	loop(f);
	weft_cancel(watching);
	weft_waitgroup_wait(&f->wg);
	weft_ctx_free(watching);
	files_finish(f);
}
