using System.ComponentModel.DataAnnotations;
using KdPlugins.Host.Service.Api;
using KdPlugins.Host.Service.Connections;
using KdPlugins.Host.Service.Dashboard;
using KdPlugins.Host.Service.Intake;
using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Service.Workers;
using KdPlugins.Torch;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;

namespace KdPlugins.Host.Service.Hosting;

/// <summary>The service put together: options, queue, workers, plugins, interface.</summary>
internal static class ServiceHost
{
    private const long MaxBodyBytes = 2 << 20;

    /// <summary>Builds the service.</summary>
    /// <param name="changes">What the command line sets, which wins over file and environment.</param>
    /// <param name="logging">Changes of the logging; null for none.</param>
    /// <param name="parts">Replacements of parts, such as the clock; null for none.</param>
    /// <exception cref="KdException">The options do not fit (KDP0901, KDP0902), the queue cannot be used (KDP0905), or
    /// too few files may be opened (KDP0912).</exception>
    internal static WebApplication Build(
        Action<ServiceOptions> changes,
        Action<ILoggingBuilder>? logging = null,
        Action<IServiceCollection>? parts = null
    )
    {
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { ContentRootPath = Environment.CurrentDirectory }
        );
        builder.Configuration.AddJsonFile("appsettings.json", optional: true).AddEnvironmentVariables();
        var options = Read(builder.Configuration, changes);
        var guards = new Guards(options);
        var gate = new ConnectionGate(ConnectionRoom.Of(options, Descriptors.Limit(), Descriptors.Open()));
        // A line for every request says nothing about runs, and there are many where somebody looks at the dashboard.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        logging?.Invoke(builder.Logging);
        builder.Services.AddSystemd();
        builder.WebHost.UseUrls(options.Urls.Split(';'));
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.Limits.MaxRequestBodySize = MaxBodyBytes;
            k.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(options.IdleSeconds);
            k.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(options.HeaderSeconds);
            k.ConfigureEndpointDefaults(e => e.Use(next => connection => gate.Serve(connection, next)));
            k.AddServerHeader = false;
        });
        builder.Services.Configure<HostOptions>(h =>
        {
            h.ShutdownTimeout = TimeSpan.FromSeconds(options.StopSeconds + 15);
            h.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
        });
        builder.Services.Configure<JsonOptions>(j =>
            j.SerializerOptions.NumberHandling = System
                .Text
                .Json
                .Serialization
                .JsonNumberHandling
                .AllowNamedFloatingPointLiterals
        );
        // What is wrong with a request is told to whoever asked.
        builder.Services.Configure<RouteHandlerOptions>(r => r.ThrowOnBadRequest = true);
        AddParts(builder.Services, options);
        builder.Services.AddSingleton(gate);
        parts?.Invoke(builder.Services);
        var app = builder.Build();
        app.Use(next => context => gate.Serve(context, next));
        app.UseExceptionHandler(
            new ExceptionHandlerOptions
            {
                ExceptionHandler = ServiceApi.Tell,
                // What is wrong with a request is no trouble of the service: its log is not for strangers to fill.
                SuppressDiagnosticsCallback = c => ServiceApi.StatusOf(c.Exception) < 500,
            }
        );
        app.UseStatusCodePages(ServiceApi.TellStatus);
        app.Use(next => context => guards.Check(context, next));
        app.MapOpenApi("/openapi/v1.json");
        app.MapPrometheusScrapingEndpoint();
        DashboardPages.Map(app);
        RunsApi.Map(app);
        ServiceApi.Map(app);
        Connect(app.Services);
        return app;
    }

    /// <summary>Runs a service until it is asked to stop.</summary>
    /// <exception cref="KdException"><c>KDP0930</c>: a part of it ended by an exception, and the service with it.</exception>
    internal static async Task Run(WebApplication app)
    {
        var parts = app.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToList();
        try
        {
            await app.RunAsync();
        }
        // One that fails at once cancels the start of all others.
        catch (OperationCanceledException) when (parts.Any(p => p.ExecuteTask is { IsFaulted: true })) { }
        // Of one that fails later the host says nothing: it stops as if it had been asked to.
        foreach (var part in parts)
            if (part.ExecuteTask is { IsFaulted: true, Exception.InnerException: { } error })
                throw new KdException(
                    ServiceErrors.PartEnded,
                    $"{part.GetType().Name}: {error.GetType().Name}: {error.Message.TrimEnd('.')}.",
                    null,
                    error
                );
    }

    private static void AddParts(IServiceCollection services, ServiceOptions options)
    {
        services.AddSingleton(Options.Create(options));
        services.AddSingleton(options);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(_ => DataLock.Take(Path.GetFullPath(options.Data)));
        services.AddSingleton(p =>
            JobQueue.Open(
                Path.GetFullPath(options.Data),
                p.GetRequiredService<TimeProvider>(),
                TimeSpan.FromSeconds(options.MaxBackOffSeconds)
            )
        );
        services.AddSingleton<Hub>();
        services.AddSingleton<CurveStore>();
        services.AddSingleton<RunResults>();
        services.AddSingleton<AttemptLog>();
        services.AddSingleton<ServiceMetrics>();
        services.AddSingleton<PartRunner>();
        services.AddSingleton<IsolatedCheck>();
        services.AddSingleton<PluginSets>();
        services.AddSingleton<RecipeCheck>();
        services.AddSingleton<Submission>();
        services.AddSingleton(_ => new DiskGuard(Path.GetFullPath(options.Data), options.MinFreeMegabytes));
        services.AddSingleton<WorkerPool>();
        services.AddHostedService<PluginWatcher>();
        services.AddHostedService(p => p.GetRequiredService<WorkerPool>());
        services.AddHostedService<Inbox>();
        services.AddOpenApi();
        services.AddOpenTelemetry().WithMetrics(m => m.AddMeter(ServiceMetrics.MeterName).AddPrometheusExporter());
    }

    private static void Connect(IServiceProvider services)
    {
        // Before anything in the folder is touched.
        _ = services.GetRequiredService<DataLock>();
        var (queue, hub) = (services.GetRequiredService<JobQueue>(), services.GetRequiredService<Hub>());
        var log = services.GetRequiredService<ILogger<JobQueue>>();
        if (queue.Repaired is { } repaired)
            Log.QueueRepaired(log, repaired);
        queue.Troubled += (job, error) => Log.ChangeTrouble(log, job.Id, error);
        queue.Changed += services.GetRequiredService<AttemptLog>().Note;
        queue.Changed += job =>
            hub.Tell(new(job.Id, "job", System.Text.Json.JsonSerializer.SerializeToNode(job)!.AsObject()));
    }

    private static ServiceOptions Read(IConfiguration configuration, Action<ServiceOptions> changes)
    {
        var options = new ServiceOptions();
        try
        {
            configuration.GetSection(ServiceOptions.Section).Bind(options, b => b.ErrorOnUnknownConfiguration = true);
        }
        catch (InvalidOperationException e)
        {
            throw new KdException(ServiceErrors.BadOptions, e.Message, null, e);
        }
        changes(options);
        List<ValidationResult> failures = [];
        if (
            !Validator.TryValidateObject(options, new ValidationContext(options), failures, validateAllProperties: true)
        )
            throw new KdException(
                ServiceErrors.BadOptions,
                string.Join(" ", failures.Select(f => $"{string.Join(", ", f.MemberNames)}: {f.ErrorMessage}"))
            );
        return options;
    }
}
