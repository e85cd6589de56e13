/*
 * hugo.c - bugs of the Hugo generator of web sites, by the numbers of their reports
 */
#include "kernel.h"

/* Who waits for an address holds the table that the one who has it needs to let go. */
struct h3251 { weft_rwmutex table; weft_mutex url; };

static void h3251_lock(struct h3251 *l)
{
	weft_rwmutex_lock(&l->table);
	if (fixed)
		weft_rwmutex_unlock(&l->table);
	weft_mutex_lock(&l->url);
	if (!fixed)
		weft_rwmutex_unlock(&l->table);
}

static void h3251_unlock(struct h3251 *l)
{
	weft_rwmutex_rlock(&l->table);
	weft_mutex_unlock(&l->url);
	weft_rwmutex_runlock(&l->table);
}

static void h3251_get_remote(struct h3251 *l)
{
	h3251_lock(l);
	h3251_unlock(l);
}

KERNEL(Hugo3251, leak)
{
	struct h3251 *l = NEW(struct h3251);

	weft_go(h3251_get_remote, l);
	weft_go(h3251_get_remote, l);
}

/* A shortcode of a page asks for its words, with the page's lock held that counts them. */
struct h5379 { weft_mutex content; int words; weft_chan(bool) rendered; };

static int h5379_word_count(struct h5379 *p, bool locked)
{
	int n;

	if (!locked)
		weft_mutex_lock(&p->content);
	n = ++p->words;
	if (!locked)
		weft_mutex_unlock(&p->content);
	return n;
}

static void h5379_render(struct h5379 *p)
{
	weft_mutex_lock(&p->content);
	h5379_word_count(p, fixed);
	weft_mutex_unlock(&p->content);
	weft_send(p->rendered, true);
}

KERNEL(Hugo5379, leak)
{
	struct h5379 *p = NEW(struct h5379, .rendered = MAKE(bool, 1));

	weft_go(h5379_render, p);
	weft_select(weft_on_recv(p->rendered, NULL), weft_on_timeout(WEFT_MS));
}
