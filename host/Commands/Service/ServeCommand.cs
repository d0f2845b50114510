using System.CommandLine;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Hosting;
using KdPlugins.Torch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KdPlugins.Host.Commands.Service;

/// <summary>kd serve.</summary>
internal static class ServeCommand
{
    internal static Command Make(Screen screen)
    {
        var urls = new Option<string?>("--urls")
        {
            Description = "Where to listen; several with ';'. Default: http://127.0.0.1:5870.",
            HelpName = "URL",
        };
        var data = new Option<string?>("--data")
        {
            Description = "The folder of queue, runs, inbox and plugin sets. Default: kd-service.",
            HelpName = "DIR",
        };
        var token = new Option<string?>("--token-file")
        {
            Description = "A file with the token that requests must carry; needed to listen beyond this machine.",
            HelpName = "FILE",
        };
        var plugins = CommonOptions.Plugins();
        var command = new Command(
            "serve",
            "Runs the service: a queue of runs, one worker per device, plugins swapped while it runs."
        )
        {
            urls,
            data,
            token,
            plugins,
        };
        var trust = TrustOptions.AddTo(command);
        command.SetAction(parsed =>
            Serve(
                screen,
                options =>
                {
                    options.Urls = parsed.GetValue(urls) ?? options.Urls;
                    options.Data = parsed.GetValue(data) ?? options.Data;
                    options.TokenFile = parsed.GetValue(token) ?? options.TokenFile;
                    options.Trust = trust.Level(parsed) ?? options.Trust;
                    options.TrustedKeys = trust.Keys(parsed) ?? options.TrustedKeys;
                    options.Plugins = parsed.GetValue(plugins) ?? options.Plugins;
                }
            )
        );
        return command;
    }

    private static int Serve(Screen screen, Action<ServiceOptions> changes)
    {
        using var app = ServiceHost.Build(changes);
        var options = app.Services.GetRequiredService<ServiceOptions>();
        var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("KdPlugins.Service");
        var lifetime = app.Services.GetRequiredService<IHostApplicationLifetime>();
        lifetime.ApplicationStarted.Register(() =>
        {
            Log.Listening(log, string.Join(", ", app.Urls), Path.GetFullPath(options.Data));
            if (screen.Json)
                screen.Emit(new() { ["event"] = "listening", ["urls"] = string.Join(";", app.Urls) });
        });
        try
        {
            ServiceHost.Run(app).GetAwaiter().GetResult();
        }
        catch (IOException e)
        {
            throw new KdException(ServiceErrors.BadOptions, $"The service cannot listen: {e.Message}", null, e);
        }
        return ExitCodes.Done;
    }
}
