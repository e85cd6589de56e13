/*
 * curl.h - libcurl, loaded when a configuration asks for it
 *
 * Linked, it and what it brings would cost every process megabytes at its start.
 */
#ifndef WEFT_PIPELINE_CURL_H
#define WEFT_PIPELINE_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/buf.h"

/* As in its header, without curl_ in front. */
struct curl_calls {
	CURL		*(*easy_init)(void);
	void		 (*easy_cleanup)(CURL *);
	CURLcode	 (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode	 (*easy_getinfo)(CURL *, CURLINFO, ...);
	const char	*(*easy_strerror)(CURLcode);
	CURLM		*(*multi_init)(void);
	CURLMcode	 (*multi_cleanup)(CURLM *);
	CURLMcode	 (*multi_add_handle)(CURLM *, CURL *);
	CURLMcode	 (*multi_remove_handle)(CURLM *, CURL *);
	CURLMcode	 (*multi_perform)(CURLM *, int *);
	CURLMcode	 (*multi_poll)(CURLM *, struct curl_waitfd *, unsigned, int, int *);
	CURLMcode	 (*multi_wakeup)(CURLM *);
	CURLMsg		*(*multi_info_read)(CURLM *, int *);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void		 (*slist_free_all)(struct curl_slist *);
	CURLcode	 (*global_init)(long);
};

/* The library, from the first call on for good; NULL: it is not there, and err says so. */
const struct curl_calls *curl_load(struct buf *err);

#endif
