using System.Text;
using Microsoft.Extensions.Logging;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Keeps all that a service logs, of every level.</summary>
internal sealed class ServiceLog : ILoggerProvider, ILogger
{
    private readonly StringBuilder _text = new();

    internal string Text
    {
        get
        {
            lock (_text)
                return _text.ToString();
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        lock (_text)
            _text
                .Append(logLevel)
                .Append(' ')
                .Append(formatter(state, exception))
                .Append(' ')
                .AppendLine($"{exception}");
    }

    public void Dispose() { }
}
