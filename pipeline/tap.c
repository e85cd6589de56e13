/*
 * tap.c - looks at lines as they pass; see tap.h
 *
 * The list of taps holds a reference to each, and so does a worker for as long as it works on a
 * batch; the lock is held for copying pointers only.  What a tap has not fetched is bounded in
 * records and in bytes.
 */
#include "stage.h"

#include <stdlib.h>

#include "weft/time.h"

#define WAITING		256		/* records that may wait for who taps, */
#define WAITING_BYTES	(1 << 20)	/* and bytes */
#define PER_BATCH	32		/* shown of one batch at most */
#define LONGEST		(64 << 10)	/* a line beyond that is not shown */
#define SHARE		20		/* of a worker's time, a tap may have one in so many */

struct record { char *text; size_t len; };

struct tap {
	atomic_int	 refs;
	int		 place;
	char		*name;
	struct expr	*where;		/* or NULL */
	struct wants	 wants;
	weft_chan(struct record) records;
	_Atomic size_t	 bytes;		/* in records */
	_Atomic int64_t	 next;		/* look; until then lines pass unseen */
	counter		 seen, shown, missed;
};

/* A line that has gone into a step. */
struct pending {
	struct pending	*next;
	struct tap	*tap;
	size_t		 line;
	struct buf	 before;
};

static const char *const fates[FATES] = {
	"kept", "filtered", "sampled", "limited", "repeated", "dead"
};

static void
tap_unref(struct tap *t)
{
	struct record r;

	if (atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	while (weft_poll(weft_on_recv(t->records, &r)) == 0)
		free(r.text);
	weft_free(t->records);
	expr_free(t->where);
	free(t->name);
	free(t);
}

void
taps_finish(struct taps *t)
{
	for (int i = 0; i < t->n; i++)
		tap_unref(t->tap[i]);
	t->n = 0;
}

/* shape held. */
static bool
place_exists(weft_pipeline *p, int place, const char *name, struct buf *names)
{
	int n = place == TAP_STEP ? p->plan.nsteps : place == TAP_SOURCE ? p->nsources :
	    p->plan.noutputs;

	for (int i = 0; i < n; i++) {
		const char *is = place == TAP_STEP ? p->plan.steps[i]->name :
		    place == TAP_SOURCE ? p->sources[i]->name : p->plan.outputs[i]->name;

		if (place == TAP_SOURCE && p->sources[i]->gone)
			continue;
		if (strcmp(is, name) == 0)
			return true;
		buf_printf(names, "%s%s", names->len ? ", " : "", is);
	}
	return false;
}

static int
check_place(weft_pipeline *p, int place, const char *name, struct buf *err)
{
	static const char *const kinds[] = { "step", "source", "output" };
	struct buf names = { 0 };
	bool is;

	weft_rwmutex_rlock(&p->shape);
	is = place_exists(p, place, name, &names);
	weft_rwmutex_runlock(&p->shape);
	if (!is)
		buf_printf(err, "there is no %s %s; there %s %s", kinds[place], name,
		    names.len ? "is" : "are none", buf_str(&names));
	buf_finish(&names);
	return is ? 0 : -ENOENT;
}

static int
attach(struct taps *taps, struct tap *t, struct buf *err)
{
	int n;

	weft_mutex_lock(&taps->lock);
	n = taps->n;
	if (n < MAX_TAPS) {
		taps->tap[n] = t;
		atomic_store(&taps->n, n + 1);
	}
	weft_mutex_unlock(&taps->lock);
	if (n < MAX_TAPS)
		return 0;
	buf_printf(err, "there are %d taps already; end one of them", MAX_TAPS);
	return -EBUSY;
}

int
tap_open(weft_pipeline *p, int place, const char *name, const char *where, struct tap **out,
    struct buf *err)
{
	struct tap *t;
	int e = check_place(p, place, name, err);

	if (e)
		return e;
	t = xcalloc(1, sizeof(*t));
	atomic_store(&t->refs, 1);
	t->place = place;
	t->name = xstrdup(name);
	t->records = weft_make(struct record, WAITING);
	t->where = where ? expr_new(where, &t->wants, err) : NULL;
	e = where && !t->where ? -EINVAL : attach(&p->taps, t, err);
	if (e) {
		tap_unref(t);
		return e;
	}
	*out = t;
	return 0;
}

void
tap_close(weft_pipeline *p, struct tap *t)
{
	struct taps *taps = &p->taps;

	weft_mutex_lock(&taps->lock);
	for (int i = 0; i < taps->n; i++)
		if (taps->tap[i] == t) {
			taps->tap[i] = taps->tap[taps->n - 1];
			atomic_store(&taps->n, taps->n - 1);
			break;
		}
	weft_mutex_unlock(&taps->lock);
	tap_unref(t);
}

bool
tap_exists(weft_pipeline *p, struct tap *t)
{
	struct buf names = { 0 };
	bool is;

	weft_rwmutex_rlock(&p->shape);
	is = place_exists(p, t->place, t->name, &names);
	weft_rwmutex_runlock(&p->shape);
	buf_finish(&names);
	return is;
}

void
tap_counts(struct tap *t, struct tap_counts *out)
{
	*out = (struct tap_counts){ counted(&t->seen), counted(&t->shown), counted(&t->missed) };
}

int
tap_next(weft_ctx *ctx, struct tap *t, int64_t when, struct buf *out)
{
	struct record r;

	switch (weft_select(weft_on_recv(t->records, &r), weft_on_done(ctx),
	    weft_on_timeout(when - weft_now()))) {
	case 0:
		buf_add(out, r.text, r.len);
		free(r.text);
		atomic_fetch_sub(&t->bytes, r.len);
		return 1;
	case 1:
		return weft_err(ctx);
	}
	return 0;
}

/* Takes over what is in b; never waits. */
static void
offer(struct tap *t, struct buf *b)
{
	struct record r = { b->data, b->len };

	if (atomic_fetch_add(&t->bytes, r.len) < WAITING_BYTES &&
	    weft_poll(weft_on_send(t->records, r)) == 0) {
		count(&t->shown, 1);
	} else {
		atomic_fetch_sub(&t->bytes, r.len);
		count(&t->missed, 1);
		free(r.text);
	}
	*b = (struct buf){ 0 };
}

/* Before the next look it lets pass what the others have to do in SHARE times as long. */
static void
spent(struct tap *t, int64_t since)
{
	int64_t now = weft_now();

	atomic_store(&t->next, now + (SHARE - 1) * (now - since));
}

void
look_begin(struct look *l, struct taps *taps, struct batch *b, struct scratch *scratch,
    struct when *when)
{
	*l = (struct look){ .b = b, .scratch = scratch, .when = when };
	weft_mutex_lock(&taps->lock);
	for (; l->n < taps->n; l->n++) {
		struct tap *t = taps->tap[l->n];

		atomic_fetch_add(&t->refs, 1);
		l->tap[l->n] = t;
		l->fields |= t->wants.fields;
	}
	weft_mutex_unlock(&taps->lock);
}

void
look_end(struct look *l)
{
	for (int i = 0; i < l->n; i++)
		tap_unref(l->tap[i]);
}

/* Is it t's turn, for so many lines?  If not, they have passed. */
static bool
may_look(struct tap *t, size_t lines, int64_t now)
{
	count(&t->seen, lines);
	if (now >= atomic_load(&t->next) && weft_len(t->records) < WAITING)
		return true;
	count(&t->missed, lines);
	return false;
}

static bool
matches(struct look *l, struct tap *t, const struct line *line)
{
	return !t->where || expr_true(t->where, l->scratch, l->b, line);
}

/* The line as JSON, without a newline. */
static void
add_line(struct look *l, struct buf *out, size_t i)
{
	render_line(out, RENDER_JSON, l->b, &l->b->lines[i], l->b->first + i, l->when);
	out->len--;
}

/* Of KEPT lines that t wants to see, calls f for the first ones. */
static void
pick(struct look *l, struct tap *t, void (*f)(struct look *l, struct tap *t, size_t line))
{
	int64_t since = weft_now();
	struct batch *b = l->b;
	size_t shown = 0, missed = 0, lines = 0;

	for (size_t i = 0; i < b->nlines; i++)
		lines += b->lines[i].fate == KEPT;
	if (!may_look(t, lines, since))
		return;
	for (size_t i = 0; i < b->nlines; i++) {
		if (b->lines[i].fate != KEPT)
			continue;
		if (shown == PER_BATCH || b->lines[i].len > LONGEST) {
			missed++;
		} else if (matches(l, t, &b->lines[i])) {
			f(l, t, i);
			shown++;
		}
	}
	count(&t->missed, missed);
	spent(t, since);
}

static void
show_line(struct look *l, struct tap *t, size_t i)
{
	struct buf out = { 0 };

	buf_adds(&out, "{\"line\":");
	add_line(l, &out, i);
	buf_adds(&out, "}\n");
	offer(t, &out);
}

void
look_source(struct look *l)
{
	for (int i = 0; i < l->n; i++)
		if (l->tap[i]->place == TAP_SOURCE &&
		    strcmp(l->tap[i]->name, l->b->source->name) == 0)
			pick(l, l->tap[i], show_line);
}

static void
remember(struct look *l, struct tap *t, size_t i)
{
	struct pending *p = xcalloc(1, sizeof(*p));

	p->tap = t;
	p->line = i;
	p->next = l->pending;
	add_line(l, &p->before, i);
	l->pending = p;
}

static void
in_order_of_lines(struct look *l)
{
	struct pending *p = l->pending, *next;

	for (l->pending = NULL; p; p = next) {
		next = p->next;
		p->next = l->pending;
		l->pending = p;
	}
}

void
look_ahead(struct look *l, const struct step *s)
{
	for (int i = 0; i < l->n; i++)
		if (l->tap[i]->place == TAP_STEP && strcmp(l->tap[i]->name, s->name) == 0)
			pick(l, l->tap[i], remember);
	in_order_of_lines(l);
}

static void
show_step(struct look *l, struct pending *p)
{
	const struct line *line = &l->b->lines[p->line];
	struct buf out = { 0 };

	buf_printf(&out, "{\"fate\":\"%s\",", fates[line->fate]);
	if (line->fate == DEAD && line->error) {
		buf_adds(&out, "\"reason\":");
		render_string(&out, line->error, strlen(line->error));
		buf_addc(&out, ',');
	}
	buf_adds(&out, "\"before\":");
	buf_add(&out, p->before.data, p->before.len);
	buf_adds(&out, ",\"after\":");
	if (line->fate == KEPT)
		add_line(l, &out, p->line);
	else
		buf_adds(&out, "null");
	buf_adds(&out, "}\n");
	offer(p->tap, &out);
}

void
look_past(struct look *l, const struct step *s)
{
	int64_t since = weft_now();

	(void)s;
	for (struct pending *p; (p = l->pending); ) {
		l->pending = p->next;
		show_step(l, p);
		if (!l->pending || l->pending->tap != p->tap)
			atomic_fetch_add(&p->tap->next, (SHARE - 1) * (weft_now() - since));
		buf_finish(&p->before);
		free(p);
	}
}

static void
show_records(struct look *l, struct tap *t, const struct rendered *r)
{
	int64_t since = weft_now();
	uint32_t record = 0, shown = 0, missed = 0;

	if (!may_look(t, r->n, since))
		return;
	for (size_t i = 0; i < l->b->nlines && record < r->n; i++) {
		size_t from = record ? r->ends[record - 1] : 0;
		struct buf out = { 0 };

		if (!rendered_keeps(r, i))
			continue;
		if (shown == PER_BATCH || r->ends[record] - from > LONGEST) {
			missed++;
		} else if (matches(l, t, &l->b->lines[i])) {
			buf_adds(&out, "{\"record\":");
			render_string(&out, r->data.data + from, r->ends[record] - from - 1);
			buf_adds(&out, "}\n");
			offer(t, &out);
			shown++;
		}
		record++;
	}
	count(&t->missed, missed);
	spent(t, since);
}

void
look_outputs(struct look *l, const struct plan *plan)
{
	for (int i = 0; i < l->n; i++)
		for (int o = 0; o < plan->noutputs; o++)
			if (l->tap[i]->place == TAP_OUTPUT &&
			    strcmp(l->tap[i]->name, plan->outputs[o]->name) == 0)
				show_records(l, l->tap[i],
				    &l->b->rendered[plan->outputs[o]->rendering]);
}
