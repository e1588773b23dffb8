# A tunnel (CONNECT) for an http URL too
: "${PROXY:=http://any:KEY@127.0.0.1:8081}" "${URL:=http://example.com/}"
curl --silent --show-error --include --proxytunnel --proxy "$PROXY" "$URL"
