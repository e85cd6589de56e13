/*
 * tls_test.h - certificates for one test, made by openssl(1) in its temporary directory
 *
 * An authority, a server for localhost and 127.0.0.1, a client, and a server that has signed
 * for itself.
 */
#ifndef WEFT_PIPELINE_TLS_TEST_H
#define WEFT_PIPELINE_TLS_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weft/net.h"
#include "weft/testing.h"

struct certs {
	char	ca[300], cert[300], key[300], client[300], client_key[300], self[300],
		self_key[300], other[300];
};

/* Needs no shell function of its own: sh, openssl, and nothing else. */
static const char make_certs[] =
	"cd '%s' && exec >certs.log 2>&1 && set -e\n"
	"new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \"$@\"; }\n"
	"new -x509 -keyout ca.key -out ca.pem -subj /CN=authority\n"
	"new -x509 -keyout self.key -out self.pem -subj /CN=localhost\n"
	"sign() { openssl x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial \"$@\"; }\n"
	"new -keyout server.key -out server.csr -subj /CN=localhost\n"
	"echo subjectAltName=DNS:localhost,IP:127.0.0.1 >server.ext\n"
	"sign -in server.csr -out server.pem -extfile server.ext\n"
	"new -keyout client.key -out client.csr -subj /CN=client\n"
	"sign -in client.csr -out client.pem\n"
	"new -keyout other.key -out other.csr -subj /CN=other.example\n"
	"sign -in other.csr -out other.pem && cat other.key >>other.pem\n";

static inline void
certs_make(struct certs *c)
{
	const char *dir = weft_tempdir();
	char script[2000];
	int status;

	snprintf(script, sizeof(script), make_certs, dir);
	weft_enter_blocking();
	status = system("command -v openssl >/dev/null");
	if (!status)
		status = system(script) ? 2 : 0;
	weft_leave_blocking();
	if (status && status != 2)
		weft_skip("no openssl program here");
	REQUIRE(status == 0);
	snprintf(c->ca, sizeof(c->ca), "%s/ca.pem", dir);
	snprintf(c->cert, sizeof(c->cert), "%s/server.pem", dir);
	snprintf(c->key, sizeof(c->key), "%s/server.key", dir);
	snprintf(c->client, sizeof(c->client), "%s/client.pem", dir);
	snprintf(c->client_key, sizeof(c->client_key), "%s/client.key", dir);
	snprintf(c->self, sizeof(c->self), "%s/self.pem", dir);
	snprintf(c->self_key, sizeof(c->self_key), "%s/self.key", dir);
	snprintf(c->other, sizeof(c->other), "%s/other.pem", dir);
}

#endif
