using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Host.Service.Intake;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Service;

/// <summary>kd submit, queue, cancel and logs: the service's queue from the command line.</summary>
internal static class QueueCommands
{
    internal static IEnumerable<Command> Make(Screen screen) =>
        [Submit(screen), Queue(screen), Cancel(screen), Logs(screen)];

    private static Option<string?> Url() =>
        new("--url")
        {
            Description = "The service's address. Default: KD_URL, or http://127.0.0.1:5870.",
            HelpName = "URL",
        };

    private static Option<string?> Token() =>
        new("--token-file")
        {
            Description = "The file with the service's token. Default: KD_TOKEN_FILE, or none.",
            HelpName = "FILE",
        };

    private static Command Submit(Screen screen)
    {
        var recipe = new Argument<string>("RECIPE")
        {
            Description = "The recipe's file, or the name of one that the service's plugins bring.",
        };
        var priority = new Option<int>("--priority") { Description = "Higher goes first; -1000 to 1000. Default: 0." };
        var limit = new Option<double>("--time-limit")
        {
            Description = "The most it may run, in seconds; 0 for no limit.",
        };
        var (url, token, set, steps) = (Url(), Token(), CommonOptions.Set(), CommonOptions.MaxSteps());
        var command = new Command("submit", "Queues a recipe with the service.")
        {
            recipe,
            priority,
            limit,
            set,
            steps,
            url,
            token,
        };
        command.SetAction(parsed =>
        {
            var body = Recipe(parsed.GetRequiredValue(recipe));
            using var client = new ServiceClient(parsed.GetValue(url), parsed.GetValue(token));
            var job = client.Post(
                "/api/runs",
                new JsonObject(body)
                {
                    ["settings"] = new JsonArray([.. (parsed.GetValue(set) ?? []).Select(s => JsonValue.Create(s))]),
                    ["maxStepsPerStage"] = parsed.GetValue(steps) ?? 0,
                    ["priority"] = parsed.GetValue(priority),
                    ["timeLimitSeconds"] = parsed.GetValue(limit),
                }
            );
            screen.Tell(() => new() { ["event"] = "submitted", ["run"] = job.DeepClone() }, () => (string)job["id"]!);
            return ExitCodes.Done;
        });
        return command;
    }

    // A name is looked up where the plugins are.
    private static Dictionary<string, JsonNode?> Recipe(string text)
    {
        if (RecipePlace.IsName(text))
            return new() { ["recipeName"] = text, ["recipeFolder"] = Environment.CurrentDirectory };
        var path = Path.GetFullPath(text);
        if (!File.Exists(path))
            throw new KdException(CommandErrors.FileUnreadable, $"There is no file '{path}'.");
        return new()
        {
            ["recipe"] = PlainFile.ReadText(path, Submission.MaxRecipeBytes),
            ["recipeFolder"] = Path.GetDirectoryName(path),
        };
    }

    private static Command Queue(Screen screen)
    {
        var state = new Option<JobState?>("--state") { Description = "Only runs of this state." };
        var limit = new Option<int>("--limit")
        {
            Description = "At most so many, newest first.",
            DefaultValueFactory = _ => 20,
        };
        var (url, token) = (Url(), Token());
        var command = new Command("queue", "Lists the service's runs, newest first.") { state, limit, url, token };
        command.SetAction(parsed =>
        {
            using var client = new ServiceClient(parsed.GetValue(url), parsed.GetValue(token));
            var filter = parsed.GetValue(state) is { } only ? $"&state={only}" : "";
            var page = client.Get($"/api/runs?limit={parsed.GetValue(limit)}{filter}");
            screen.Tell(() => new() { ["event"] = "queue", ["page"] = page.DeepClone() }, () => Table(page));
            return ExitCodes.Done;
        });
        return command;
    }

    private static string Table(JsonObject page)
    {
        var table = new TextTable("run", "state", "priority", "attempts", "submitted", "message");
        foreach (var job in page["items"]!.AsArray())
            table.Add(
                (string)job!["id"]!,
                ((string)job["state"]!).ToLowerInvariant(),
                job["priority"]!.ToString(),
                job["attempts"]!.ToString(),
                ((DateTimeOffset)job["submitted"]!).ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss"),
                (string)job["message"]!
            );
        return $"{table}\n{page["total"]} runs in all.";
    }

    private static Command Cancel(Screen screen)
    {
        var id = new Argument<string>("ID") { Description = "The run." };
        var (url, token) = (Url(), Token());
        var command = new Command("cancel", "Takes a run back; a running one saves first.") { id, url, token };
        command.SetAction(parsed =>
        {
            using var client = new ServiceClient(parsed.GetValue(url), parsed.GetValue(token));
            var job = client.Post($"/api/runs/{Uri.EscapeDataString(parsed.GetRequiredValue(id))}/cancel");
            screen.Tell(
                () => new() { ["event"] = "cancelled", ["run"] = job.DeepClone() },
                () => (string)job["message"]!
            );
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Logs(Screen screen)
    {
        var id = new Argument<string>("ID") { Description = "The run." };
        var follow = new Option<bool>("--follow", "-f") { Description = "Goes on until the run is over." };
        var (url, token) = (Url(), Token());
        var command = new Command("logs", "Shows what a run's workers have said.") { id, follow, url, token };
        command.SetAction(parsed =>
        {
            using var client = new ServiceClient(parsed.GetValue(url), parsed.GetValue(token));
            var path = $"/api/runs/{Uri.EscapeDataString(parsed.GetRequiredValue(id))}";
            Show(screen, client, path, parsed.GetValue(follow));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Show(Screen screen, ServiceClient client, string path, bool follow)
    {
        long? from = null;
        while (true)
        {
            // Asked for before the log: what is said until the end is shown.
            var state = Enum.Parse<JobState>((string)client.Get(path)["job"]!["state"]!);
            var part = client.Get(from is null ? $"{path}/log" : $"{path}/log?from={from}");
            from = (long)part["next"]!;
            if ((string)part["text"]! is { Length: > 0 } text)
                screen.Tell(() => new() { ["event"] = "log", ["text"] = text }, () => text);
            if (!follow || state is JobState.Done or JobState.Failed or JobState.Cancelled)
                return;
            Thread.Sleep(500);
        }
    }
}
