/*
 * step_geoip.c - geoip: where in the world an address is, by a MaxMind database
 *
 * The database stays mapped as long as the step lives, and texts point into it.  What an
 * address says is cached, also when it says nothing: the tree is walked once per address.
 * A file that is replaced by another one is noticed when the step is made anew (on
 * reload); one that is overwritten in place would be read half old, half new.
 */
#include <inttypes.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>

#include "patterns/lru.h"
#include "step_impl.h"
#include "weft/net.h"

#define ADDRESSES 16384			/* that are remembered */

enum { COUNTRY, COUNTRY_NAME, REGION, CITY, POSTAL, CONTINENT, TIME_ZONE, LATITUDE, LONGITUDE,
	ASN, ORG, VALUES };

static const struct what { const char *name; const char *const path[6]; } whats[VALUES] = {
	[COUNTRY] = { "country", { "country", "iso_code" } },
	[COUNTRY_NAME] = { "country_name", { "country", "names", "en" } },
	[REGION] = { "region", { "subdivisions", "0", "names", "en" } },
	[CITY] = { "city", { "city", "names", "en" } },
	[POSTAL] = { "postal", { "postal", "code" } },
	[CONTINENT] = { "continent", { "continent", "code" } },
	[TIME_ZONE] = { "time_zone", { "location", "time_zone" } },
	[LATITUDE] = { "latitude", { "location", "latitude" } },
	[LONGITUDE] = { "longitude", { "location", "longitude" } },
	[ASN] = { "asn", { "autonomous_system_number" } },
	[ORG] = { "org", { "autonomous_system_organization" } },
};

/* What the database says of an address. */
struct place {
	bool	 broken;		/* it could not be read */
	struct { const char *p; uint32_t len; uint8_t kind; } values[VALUES];
	char	 numbers[3][24];	/* texts of those that are none in the database */
	int	 nnumbers;
};

struct geoip {
	struct step	 step;
	struct ref	*ref;
	struct step_name names[VALUES];
	MMDB_s		 db;
	bool		 open;
	weft_lru	*places;	/* of struct address, to struct place */
};

static void
take_number(struct place *place, int i, double d, int digits)
{
	char *text;
	int n;

	if (place->nnumbers == 3)
		return;
	text = place->numbers[place->nnumbers++];
	n = snprintf(text, sizeof(place->numbers[0]), "%.*f", digits, d);
	/* 52.5000 is 52.5 */
	while (digits && n > 2 && text[n - 1] == '0' && text[n - 2] != '.')
		n--;
	place->values[i].p = text;
	place->values[i].len = n;
	place->values[i].kind = FIELD_RAW;
}

static void
take(struct place *place, int i, const MMDB_entry_data_s *data)
{
	switch (data->type) {
	case MMDB_DATA_TYPE_UTF8_STRING:
		place->values[i].p = data->utf8_string;
		place->values[i].len = data->data_size;
		place->values[i].kind = FIELD_TEXT;
		break;
	case MMDB_DATA_TYPE_DOUBLE:
		take_number(place, i, data->double_value, 4);
		break;
	case MMDB_DATA_TYPE_UINT32:
		take_number(place, i, data->uint32, 0);
		break;
	case MMDB_DATA_TYPE_UINT16:
		take_number(place, i, data->uint16, 0);
		break;
	}
}

static int
load(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value, int64_t *cost)
{
	struct geoip *g = arg;
	struct place *place = xcalloc(1, sizeof(*place));
	struct sockaddr_storage addr;
	MMDB_lookup_result_s found;
	MMDB_entry_data_s data;
	int error;

	(void)ctx, (void)len, (void)cost;
	step_sockaddr(key, &addr);
	found = MMDB_lookup_sockaddr(&g->db, (struct sockaddr *)&addr, &error);
	/* an IPv6 address in a database of IPv4 is not there, and that is all */
	place->broken = error && error != MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR;
	for (int i = 0; !error && found.found_entry && i < VALUES; i++)
		if (MMDB_aget_value(&found.entry, &data, whats[i].path) == MMDB_SUCCESS &&
		    data.has_data)
			take(place, i, &data);
	*value = place;
	return 0;
}

static void
add_place(struct geoip *g, struct batch *b, struct line *l, const struct place *place)
{
	for (int i = 0; i < VALUES; i++) {
		const char *p = place->values[i].p;
		size_t len = place->values[i].len;
		struct field *f;

		if (!p || !(f = step_field(b, l, &g->names[i])))
			continue;
		/* numbers' texts leave with the cache's entry, the database's stay */
		f->kind = place->values[i].kind;
		f->value = f->kind == FIELD_RAW ? memcpy(batch_alloc(b, len), p, len) : p;
		f->len = len;
	}
}

static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct geoip *g = (struct geoip *)s;
	struct address address;
	weft_lru_item *item;
	struct text text;
	bool broken;

	if (!ref_text(g->ref, p->b, l, scratch_room(p->sc), &text))
		return;
	if (!step_address(text.p, text.len, &address)) {
		step_failed(s, p->b, l, "geoip: it is no IP address");
		return;
	}
	if (weft_lru_get_or_load(NULL, g->places, &address, sizeof(address), &item) != 0)
		return;
	add_place(g, p->b, l, item->value);
	broken = ((struct place *)item->value)->broken;
	weft_lru_release(item);
	if (broken)
		step_failed(s, p->b, l, "geoip: the database is damaged");
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	step_each(s, sc, b, one, NULL);
}

static void
finish(struct step *s)
{
	struct geoip *g = (struct geoip *)s;

	weft_lru_free(g->places);
	if (g->open)
		MMDB_close(&g->db);
	for (int i = 0; i < VALUES; i++)
		step_name_finish(&g->names[i]);
	ref_free(g->ref);
	free(g);
}

static bool
open_database(struct geoip *g, const char *path, struct buf *err)
{
	int error, system;

	weft_enter_blocking();
	error = MMDB_open(path, MMDB_MODE_MMAP, &g->db);
	system = errno;
	weft_leave_blocking();
	g->open = error == MMDB_SUCCESS;
	if (error == MMDB_FILE_OPEN_ERROR || error == MMDB_IO_ERROR)
		buf_printf(err, "cannot read %s: %s", path, strerror(system));
	else if (error)
		buf_printf(err, "%s is no MaxMind database: %s", path, MMDB_strerror(error));
	return g->open;
}

struct step *
step_geoip(const char *mmdb, const char *ref, const char *prefix, struct buf *err)
{
	struct geoip *g = xcalloc(1, sizeof(*g));
	bool good;

	g->step = (struct step){ .kind = "geoip", .run = run, .free = finish };
	g->step.wants.fields = true;
	g->ref = ref_new(ref, &g->step.wants, err);
	good = g->ref != NULL;
	for (int i = 0; good && i < VALUES; i++)
		good = step_name_init(&g->names[i], prefix && *prefix ? prefix : "geoip",
		    whats[i].name, err);
	if (good && open_database(g, mmdb, err)) {
		g->places = weft_lru_new((struct weft_lru_options){ .max = ADDRESSES,
		    .load = load, .drop = free, .arg = g });
		return &g->step;
	}
	finish(&g->step);
	return NULL;
}
