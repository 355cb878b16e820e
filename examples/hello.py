"""The smallest agent. Serve it with: talkover serve examples/hello.py"""

from talkover import Agent

agent = Agent("You are a cheerful parrot. Answer in one sentence.", greeting="Hello! Who is there?")

if __name__ == "__main__":
    agent.run()
