/*
 * config_expect.c - the tests: part of a configuration
 *
 *	tests:
 *	  - { name: debug is dropped, input: '{"level":"debug"}', expect: dropped by keep }
 *	  - { input: [one, two], expect: [unchanged, { message: two }] }
 *
 * An expectation for a whole test counts for each of its lines.
 */
#include "config_impl.h"

#define AT(f) .at = offsetof(struct config_test, f)
static const struct key keys[] = {
	{ "name", KEY_TEXT, AT(item.name) },
	{ "source", KEY_TEXT, AT(source) },
	{ "input", KEY_TEXTS, AT(input) },
	{ "expect", KEY_OTHER, .read = NULL },		/* read when the input is known */
	{ .name = NULL }
};
static const struct schema schema = { "a test", NULL, keys };

static void
wrong(struct reading *r, const struct yaml *y)
{
	char what[80];

	complain(r->complaints, y->at, "\"expect\" must be unchanged, dropped, dropped by STEP, "
	    "dead, or a map of fields, not %s", yaml_what(y, what));
}

static void
read_expect(struct reading *r, const struct yaml *y, struct config_expect *e)
{
	const char *text;

	e->at = y->at;
	e->kind = EXPECT_FIELDS;
	if (y->kind == YAML_MAP) {
		schema_pairs(r, y, "expect", &e->fields);
		return;
	}
	if (y->kind == YAML_LIST || y->empty) {
		wrong(r, y);
		return;
	}
	text = schema_text(r, y, "expect");
	if (!text)
		return;
	if (strcmp(text, "dead") == 0)
		e->kind = EXPECT_DEAD;
	else if (strcmp(text, "unchanged") == 0)
		e->kind = EXPECT_UNCHANGED;
	else if (strcmp(text, "dropped") == 0 || strncmp(text, "dropped by ", 11) == 0)
		*e = (struct config_expect){ y->at, EXPECT_DROPPED, text[7] ? text + 11 : NULL,
		    { 0 } };
	else
		wrong(r, y);
}

static void
read_expects(struct reading *r, const struct yaml *y, struct config_test *t)
{
	const struct yaml *expect = yaml_get(y, "expect");

	t->expect = reading_own(r, xcalloc(t->input.n + 1, sizeof(*t->expect)));
	if (!expect || !yaml_get(y, "input")) {
		complain(r->complaints, y->at, "a test needs \"%s\"",
		    expect ? "input" : "expect");
		return;
	}
	if (expect->kind == YAML_LIST && expect->n != t->input.n) {
		complain(r->complaints, expect->at, "\"expect\" has %d for %d of \"input\"; one "
		    "that is no list counts for all", expect->n, t->input.n);
		return;
	}
	if (expect->kind == YAML_LIST)
		for (int i = 0; i < t->input.n; i++)
			read_expect(r, expect->item[i], &t->expect[i]);
	else
		read_expect(r, expect, &t->expect[0]);
	for (int i = 1; expect->kind != YAML_LIST && i < t->input.n; i++)
		t->expect[i] = t->expect[0];
}

void
config_read_tests(struct reading *r, const struct yaml *y, void *out)
{
	struct config *c = out;

	if (y->empty)
		return;
	if (y->kind != YAML_LIST) {
		complain(r->complaints, y->at, "\"tests\" must be a list, such as "
		    "[{ input: ..., expect: ... }]");
		return;
	}
	c->tests = reading_own(r, xcalloc(y->n + 1, sizeof(*c->tests)));
	for (c->ntests = 0; c->ntests < y->n; c->ntests++) {
		struct config_test *t = &c->tests[c->ntests];
		int before = r->complaints->n + r->complaints->more;

		t->item.yaml = y->item[c->ntests];
		schema_read(r, t->item.yaml, &schema, t);
		if (t->item.yaml->kind == YAML_MAP)
			read_expects(r, t->item.yaml, t);
		t->item.bad = r->complaints->n + r->complaints->more != before;
	}
}

static void
check_test(struct config *c, struct config_test *t)
{
	if (t->source && !config_source(c, t->source))
		config_no_source(c, config_place(&t->item, "source"), t->source);
	for (int i = 0; t->expect && i < t->input.n; i++)
		if (t->expect[i].step && !config_step(c, t->expect[i].step)) {
			config_no_step(c, t->expect[i].at, t->expect[i].step);
			break;
		}
}

void
config_check_tests(struct config *c)
{
	for (int i = 0; i < c->ntests; i++)
		check_test(c, &c->tests[i]);
}
