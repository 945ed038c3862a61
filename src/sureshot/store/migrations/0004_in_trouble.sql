-- Who fails is found without a look at what was delivered; deliveries never touch this index.
CREATE INDEX webhooks_in_trouble ON webhooks (endpoint_id, key)
    WHERE state IN (1, 3) AND endpoint_id IS NOT NULL;
