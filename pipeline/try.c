/* try.c - a text through parsing and steps, without sources and outputs: to test configurations */
#include <stdlib.h>

#include "stage.h"
#include "when.h"

static const char *const fates[FATES] = {
	[KEPT] = "kept", [FILTERED] = "filtered", [SAMPLED] = "sampled", [LIMITED] = "limited",
	[REPEATED] = "repeated", [DEAD] = "dead",
};

struct trial {
	weft_pipeline	*p;
	struct scratch	*scratch;
	struct stream	*stream;
	struct batch	*batch;
	uint64_t	 lines, cut;	/* before the batch; see split_lines */
	const char	**step;		/* of each line: which one decided */
};

static void
decided(struct trial *t, const char *by)
{
	for (size_t i = 0; i < t->batch->nlines; i++)
		if (t->batch->lines[i].fate != KEPT && !t->step[i])
			t->step[i] = by;
}

static void
run(struct trial *t)
{
	struct plan *plan = &t->p->plan;
	struct batch *b = t->batch;

	for (size_t i = 0; i < b->nlines; i++)
		if (b->lines[i].fate == KEPT)
			parse_line(&b->source->format, t->scratch, b, &b->lines[i]);
	decided(t, "");
	for (int i = 0; i < plan->nsteps; i++) {
		plan->steps[i]->run(plan->steps[i], t->scratch, b);
		decided(t, plan->steps[i]->name);
	}
}

static void
tell(struct trial *t, void (*f)(const struct weft_trial *t, void *arg), void *arg)
{
	struct batch *b = t->batch;
	struct when when = { 0 };

	for (size_t i = 0; i < b->nlines; i++) {
		const struct line *l = &b->lines[i];
		struct buf json = { 0 };
		struct weft_trial result = { .fate = fates[l->fate] };

		if (t->step[i] && *t->step[i])
			result.step = t->step[i];
		if (l->fate == DEAD) {
			buf_adds(&json, l->error ? l->error : "cannot be parsed");
		} else {
			render_line(&json, RENDER_JSON, b, l, b->first + i, &when);
			json.len -= json.len > 0;	/* its newline */
		}
		result.json = xstrdup(buf_str(&json));
		buf_finish(&json);
		f(&result, arg);
	}
}

static struct source *
source_named(weft_pipeline *p, const char *name)
{
	for (int i = 0; i < p->nsources; i++)
		if (!name || strcmp(p->sources[i]->name, name) == 0)
			return p->sources[i];
	return NULL;
}

/* Some of the text's lines, as many as a batch takes: how many bytes that is. */
static size_t
fill(struct trial *t, struct source *s, const char *text, size_t len)
{
	struct batch *b = t->batch;
	size_t taken;

	b->source = s;
	b->stream = t->stream;
	b->first = t->lines + 1;
	b->received = when_now();
	buf_add(&b->bytes, text, len);
	taken = split_lines(b, s->multiline, t->scratch, true, s->opt.max_line, &t->cut);
	t->lines += b->nlines;
	t->step = xcalloc(b->nlines + 1, sizeof(*t->step));
	return taken;
}

static void
try_all(struct trial *t, struct source *s, struct batch_pool *pool, const char *text, size_t len,
    void (*f)(const struct weft_trial *t, void *arg), void *arg)
{
	size_t taken = len;

	for (; len && taken; text += taken, len -= taken) {
		t->batch = batch_get(NULL, pool, len);
		taken = fill(t, s, text, len);
		run(t);
		tell(t, f, arg);
		batch_unref(t->batch);
		free(t->step);
	}
}

int
weft_pipeline_try(weft_pipeline *p, const char *source, const char *text, size_t len,
    void (*f)(const struct weft_trial *t, void *arg), void *arg)
{
	struct source *s = source_named(p, source);
	struct stream st = { .p = p, .source = s, .name = s ? s->name : NULL };
	struct trial t = { .p = p, .stream = &st };
	struct batch_pool pool;
	struct budget budget;

	if (!s)
		return -ENOENT;
	t.scratch = scratch_new();
	budget_init(&budget, p->opt.memory);
	batch_pool_init(&pool, &budget, p->opt.batch, 0);
	origin_init(&st.origin, p->host, s->name, s->name);
	s->format.wants.fields = true;
	try_all(&t, s, &pool, text, len, f, arg);
	batch_pool_finish(&pool);
	origin_finish(&st.origin);
	scratch_free(t.scratch);
	return 0;
}
