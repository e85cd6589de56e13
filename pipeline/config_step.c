/*
 * config_step.c - the steps: part of a configuration
 *
 *	steps:
 *	  keep:  { where: 'level >= warn or message =~ "timeout"' }
 *	  quiet: { limit: 200/s, burst: 400, per: source }
 *
 * The key says what kind of step it is; they run in the order of the file.
 */
#include "config_impl.h"

#define AT(f) .at = offsetof(struct config_step, f)
static const struct key keys[] = {
	{ "where", KEY_TEXT, AT(text), .kind = STEP_WHERE },
	{ "sample", KEY_SHARE, AT(share), .kind = STEP_SAMPLE },
	{ "limit", KEY_RATE, AT(rate), .kind = STEP_LIMIT },
	{ "dedup", KEY_DURATION, AT(window), .kind = STEP_DEDUP },
	{ "redact", KEY_TEXTS, AT(redact), .kind = STEP_REDACT },
	{ "set", KEY_PAIRS, AT(set), .path = PATH_TEMPLATE, .kind = STEP_SET },
	{ "table", KEY_TEXT, AT(text), .path = PATH_FILE, .kind = STEP_TABLE },
	{ "geoip", KEY_TEXT, AT(text), .path = PATH_FILE, .kind = STEP_GEOIP },
	{ "rdns", KEY_TEXT, AT(text), .kind = STEP_RDNS },
	{ "by", KEY_TEXT, AT(by), .only = STEP_SAMPLE | STEP_DEDUP | STEP_TABLE | STEP_GEOIP },
	{ "per", KEY_TEXT, AT(by), .only = STEP_LIMIT },
	{ "burst", KEY_INTEGER, AT(burst), .min = 1, .max = INT32_MAX, .only = STEP_LIMIT },
	{ "with", KEY_TEXT, AT(with), .only = STEP_REDACT },
	{ "column", KEY_TEXT, AT(column), .only = STEP_TABLE },
	{ "prefix", KEY_TEXT, AT(prefix), .only = STEP_TABLE | STEP_GEOIP },
	{ "into", KEY_TEXT, AT(into), .only = STEP_RDNS },
	{ "timeout", KEY_DURATION, AT(timeout), .only = STEP_RDNS },
	{ "ttl", KEY_DURATION, AT(ttl), .only = STEP_RDNS },
	{ .name = NULL }
};
static const struct schema schema = {
	"a step", "where, sample, limit, dedup, redact, set, table, geoip or rdns", keys
};

static void
need(struct reading *r, struct config_step *s, const char *key, const char *value,
    const char *why)
{
	if (value || s->item.bad)
		return;
	complain(r->complaints, s->item.yaml->at, "the step \"%s\" needs \"%s\": %s",
	    s->item.name, key, why);
	s->item.bad = true;
}

/* What the kinds cannot do without, and what they assume. */
static void
check_step(struct reading *r, struct config_step *s)
{
	switch (s->item.kind) {
	case STEP_TABLE:
		need(r, s, "column", s->column, "the column that is looked in");
		need(r, s, "by", s->by, "the field whose value is looked up");
		break;
	case STEP_GEOIP:
		need(r, s, "by", s->by, "the field that has the address");
		break;
	case STEP_RDNS:
		need(r, s, "into", s->into, "the field that the name is put in");
		break;
	case STEP_DEDUP:
		if (s->window)
			break;
		complain(r->complaints, config_place(&s->item, "dedup"),
		    "\"dedup\" must be more than no time, such as 10s");
		s->item.bad = true;
		break;
	}
}

/* "host." and "host" are the same: the pipeline puts the dot. */
static const char *
without_dot(struct reading *r, const char *prefix)
{
	size_t n = prefix ? strlen(prefix) : 0;
	char *copy;

	if (!n || prefix[n - 1] != '.')
		return prefix;
	copy = reading_own(r, xstrdup(prefix));
	copy[n - 1] = '\0';
	return copy;
}

void
config_read_steps(struct reading *r, const struct yaml *y, void *out)
{
	struct config *c = out;

	c->steps = config_items(r, y, "steps", &schema, sizeof(*c->steps), &c->nsteps);
	for (int i = 0; i < c->nsteps; i++) {
		c->steps[i].prefix = without_dot(r, c->steps[i].prefix);
		if (!c->steps[i].item.bad)
			check_step(r, &c->steps[i]);
	}
}
