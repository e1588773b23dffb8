: "${PROXY:=http://any:KEY@127.0.0.1:8081}" "${URL:=https://example.com/}"
export http_proxy="$PROXY" https_proxy="$PROXY"
wget --no-verbose --server-response --tries=1 --output-document=- "$URL"
