import os
import requests

PROXY = os.environ.get("PROXY", "http://any:KEY@127.0.0.1:8081")  # or socks5h://… with PySocks
URL = os.environ.get("URL", "https://example.com/")

with requests.Session() as session:
    session.proxies = {"http": PROXY, "https": PROXY}
    response = session.get(URL, timeout=30)
print(response.status_code, response.text)
