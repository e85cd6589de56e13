/*
 * events.c - what inotify says, passed on
 *
 * Whoever appends to a file has its reader woken at once; all else is a reason to look.  One
 * thing only events can tell: under which name a file is that had a matching name between
 * two looks, and for neither of them.
 */
#include "source_files.h"

#include <stdlib.h>

#define PAUSE	WEFT_MS			/* events of so long are handled together */

void
note_moved(struct files *f, const char *was_at, const char *is_at)
{
	char *from = xstrdup(was_at), *to = xstrdup(is_at);
	bool was = false;

	for (size_t i = 0; i < f->nmoved && !was; i++) {
		if (strcmp(f->moved[i].to, from) != 0)
			continue;
		free(from);
		from = f->moved[i].from;
		free(f->moved[i].to);
		f->moved[i] = f->moved[--f->nmoved];
		was = true;
	}
	if ((!was && !globs_match(&f->globs, from)) || globs_match(&f->globs, to)) {
		free(from);
		free(to);
		return;
	}
	f->moved = xrealloc(f->moved, (f->nmoved + 1) * sizeof(*f->moved));
	f->moved[f->nmoved++] = (struct moved){ from, to };
}

struct move { uint32_t cookie; char *from; };

static void
directory_event(struct files *f, const struct inotify_event *e, const char *dir, struct move *m)
{
	char *path = e->len ? path_join(dir, e->name) : xstrdup(dir);

	f->dirty = true;
	if (e->mask & IN_MOVED_FROM) {
		free(m->from);
		m->from = path;
		m->cookie = e->cookie;
		return;
	}
	if ((e->mask & IN_MOVED_TO) && m->from && m->cookie == e->cookie)
		note_moved(f, m->from, path);
	free(path);
}

/* Under the lock. */
static void
event(struct files *f, const struct inotify_event *e, struct move *m)
{
	uint64_t hash = map_hash(&e->wd, sizeof(e->wd));
	struct map_entry *dir = map_find(&f->dirs, &e->wd, sizeof(e->wd), hash);
	struct map_entry *file = map_find(&f->watched, &e->wd, sizeof(e->wd), hash);
	struct tail *t;
	void *path;

	if (e->mask & IN_Q_OVERFLOW) {
		f->dirty = true;
	} else if (dir && (e->mask & IN_IGNORED)) {
		if (map_delete(&f->dirs, &e->wd, sizeof(e->wd), hash, &path))
			free(path);
		f->dirty = true;
	} else if (dir) {
		directory_event(f, e, dir->value, m);
	} else if (file && !(e->mask & IN_IGNORED)) {
		if (e->mask & ~IN_MODIFY)
			f->dirty = true;
		t = file->value;
		if (t->state != TAIL_IDLE || t->after)
			t->check = true;	/* it may take its time: see tick */
		f->checks |= t->check;
		tail_poke(t);
	}
}

void
listen_to_events(struct files *f, weft_ctx *ctx)
{
	const struct inotify_event *e;
	struct move m = { 0 };

	while (watch_wait(ctx, &f->watch) == 0) {
		weft_mutex_lock(&f->lock);
		while ((e = watch_next(&f->watch)))
			event(f, e, &m);
		if (f->dirty || f->checks)
			files_kick(f);
		f->checks = false;
		weft_mutex_unlock(&f->lock);
		if (weft_sleep_ctx(ctx, PAUSE) == -ECANCELED)
			break;
	}
	free(m.from);
}
