"""What Azure does its own way: errors, content filtering, deployments and long-running image operations.

Not its paths (`fake_openai.address`) nor what it has in common with OpenAI (`fake_openai.endpoints`, `fake_openai.chat`).
It follows the data plane reference of Azure OpenAI and the wire facts of its streams.
"""
