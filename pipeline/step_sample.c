/*
 * step_sample.c - sample: a share of the lines goes on
 *
 * Nothing here is random.  By a value: its hash decides, with the same outcome on every
 * machine and after every restart, so that all lines of one request stay or go together.
 * Without: the hash of stream and line number does, so a line that is read again has the same fate.
 */
#include <stdlib.h>

#include "step_impl.h"

#define ALL	(UINT64_C(1) << 53)

struct sample {
	struct step	 step;
	struct ref	*by;		/* NULL: each line */
	uint64_t	 below;		/* 53 bits of hash: those below it stay */
};

static uint64_t
hash_of_line(const struct batch *b, const struct line *l)
{
	const char *stream = batch_stream_name(b);
	uint64_t number = b->first + (l - b->lines);

	return step_hash(stream, strlen(stream), number).a;
}

static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct sample *sample = (struct sample *)s;
	struct text by;
	uint64_t hash;

	if (sample->by && ref_text(sample->by, p->b, l, scratch_room(p->sc), &by))
		hash = step_hash(by.p, by.len, 0).a;
	else
		hash = hash_of_line(p->b, l);
	if (hash % ALL >= sample->below)
		l->fate = SAMPLED;
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	step_each(s, sc, b, one, NULL);
}

static void
finish(struct step *s)
{
	ref_free(((struct sample *)s)->by);
	free(s);
}

struct step *
step_sample(double share, const char *by, struct buf *err)
{
	struct sample *s;

	if (!(share >= 0 && share <= 1)) {
		buf_printf(err, "a share is between 0 and 1, and %g is not: a tenth is 0.1", share);
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->step = (struct step){ .kind = "sample", .run = run, .free = finish };
	s->below = (uint64_t)(share * (double)ALL);
	s->by = by ? ref_new(by, &s->step.wants, err) : NULL;
	if (s->by || !by)
		return &s->step;
	free(s);
	return NULL;
}
