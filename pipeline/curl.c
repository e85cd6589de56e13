/*
 * curl.c - libcurl, loaded when a configuration asks for it
 *
 * It is never unloaded: it, and the TLS library behind it, have state that outlives them.
 */
#include "curl.h"

#include <dlfcn.h>

#include "weft/net.h"
#include "weft/sync.h"

static struct curl_calls calls;
static bool loaded;
static char problem[256];
static weft_once once;

#define NAME(f)	{ offsetof(struct curl_calls, f), "curl_" #f }
static const struct { size_t at; const char *name; } names[] = {
	NAME(easy_init), NAME(easy_cleanup), NAME(easy_setopt), NAME(easy_getinfo),
	NAME(easy_strerror), NAME(multi_init), NAME(multi_cleanup), NAME(multi_add_handle),
	NAME(multi_remove_handle), NAME(multi_perform), NAME(multi_poll), NAME(multi_wakeup),
	NAME(multi_info_read), NAME(slist_append), NAME(slist_free_all), NAME(global_init),
};
#undef NAME

static void *
open_library(void)
{
	void *lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

	return lib ? lib : dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
}

/* Its own initialization reads files: blocking. */
static bool
start(void *lib)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *f = dlsym(lib, names[i].name);

		if (!f) {
			strcpy(problem, "libcurl is too old: it has no ");
			strcat(problem, names[i].name);
			return false;
		}
		memcpy((char *)&calls + names[i].at, &f, sizeof(f));
	}
	if (calls.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		return true;
	strcpy(problem, "libcurl cannot be started");
	return false;
}

static void
load(void)
{
	void *lib;

	weft_enter_blocking();
	lib = open_library();
	if (lib)
		loaded = start(lib);
	else
		strcpy(problem, "http outputs need libcurl.so.4, which is not there; "
		    "install it (Debian: apt install libcurl4)");
	weft_leave_blocking();
}

const struct curl_calls *
curl_load(struct buf *err)
{
	weft_once_do(&once, load);
	if (!loaded)
		buf_adds(err, problem);
	return loaded ? &calls : NULL;
}
