-- What is still to be forgotten, and nothing else: SMS are private, and their texts do not stay.
CREATE INDEX code_texts ON code (received_at) WHERE text IS NOT NULL;
