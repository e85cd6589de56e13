/*
 * story.c - a failing schedule, told step by step
 *
 * One line a step, with the goroutine, what it did and where.  Where a goroutine was
 * stopped though it could have gone on, the line of the one that ran instead begins with
 * "--".  Of long runs without such a point only the ends are shown.
 */
#include <stdlib.h>

#include "../weft/symbol.h"
#include "schedule.h"

enum { AROUND = 3, MOST = 60 };

struct lines { const struct schedule *s; bool *show; };

/* Steps near a pre-emption, and the last ones. */
static size_t select_steps(const struct schedule *s, bool *show)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ntold; i++)
		if ((s->story[i].preempted && !s->endless) || i + 2 * AROUND >= s->ntold)
			for (size_t j = i > AROUND ? i - AROUND : 0;
			    j <= i + AROUND && j < s->ntold; j++)
				show[j] = true;
	for (size_t i = s->ntold; i-- > 0; )
		if (show[i] && ++n > MOST)
			show[i] = false;
	return n;
}

static void print_step(struct out *o, const struct told *t)
{
	int pad = strlen(t->what) < 24 ? 24 - (int)strlen(t->what) : 0;
	struct symbol s = {0};

	out_printf(o, "      %s %jd %s", t->preempted ? "--" : "  ", (intmax_t)t->id, t->what);
	/* a call that is its function's last leaves no trace of that function */
	if (t->pc && symbol_find((uintptr_t)t->pc - 1, &s) && s.line &&
	    strcmp(s.func, "goroutine_main") != 0 && strcmp(s.func, "finish") != 0)
		out_printf(o, "%*s %s:%d", pad, "", check_basename(s.file), s.line);
	else if (t->site)
		out_printf(o, "%*s in %s", pad, "", t->site->func);
	out_printf(o, "\n");
}

static void print(struct out *o, void *arg)
{
	const struct lines *l = arg;
	size_t hidden = 0;

	for (size_t i = 0; i < l->s->ntold; i++) {
		const struct told *t = &l->s->story[i];

		if (!l->show[i]) {
			hidden++;
			continue;
		}
		if (hidden)
			out_printf(o, "         (%zu more step%s)\n", hidden, hidden == 1 ? "" : "s");
		hidden = 0;
		print_step(o, t);
	}
}

void story_print(const struct schedule *s, struct buf *out)
{
	struct lines l = { s, xcalloc(s->ntold + 1, sizeof *l.show) };

	select_steps(s, l.show);
	watch_dump(out, print, &l);
	free(l.show);
}
