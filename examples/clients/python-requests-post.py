import os
import requests

PROXY = os.environ.get("PROXY", "http://any:KEY@127.0.0.1:8081")
URL = os.environ.get("URL", "https://example.com/")

response = requests.post(URL, json={"name": "höme"}, proxies={"http": PROXY, "https": PROXY}, timeout=30)
print(response.status_code, response.text)
